//! Clients that end where they stand, again and again while they send and receive: what was stored
//! arrives once and in its order, and both sides have the same history (I2, I21).

use std::time::{Duration, Instant};

use xchat_integration_tests::{House, Person, Shape, load::Dice};
use xchat_sdk::{AccountId, Recipient};

use crate::house;

const PAIRS: usize = 3;
const ABORTS: usize = 25;
const PATIENCE: Duration = Duration::from_mins(1);

/// One who writes and is aborted.
struct Writer {
    person: Person,
    peer: AccountId,
    dice: Dice,
    /// The client has said that it is stored.
    stored: Vec<String>,
    /// Aborted before the client could say so.
    unknown: Vec<String>,
}

impl Writer {
    async fn work(mut self) -> Self {
        for round in 0..ABORTS {
            for n in 0..=self.dice.roll(5) {
                self.write(format!("{} {round}.{n}", self.person.name))
                    .await;
            }
            let moment = self.dice.between(Duration::ZERO, Duration::from_millis(60));
            tokio::time::sleep(moment).await;
            // Nobody waits for this one.
            let late = format!("{} {round}.late", self.person.name);
            let sent = tokio::time::timeout(
                self.dice.between(Duration::ZERO, Duration::from_millis(8)),
                self.person
                    .client()
                    .send(Recipient::Account(self.peer), late.clone()),
            );
            match sent.await {
                Ok(stored) => {
                    stored.expect("stored");
                    self.stored.push(late);
                }
                Err(_) => self.unknown.push(late),
            }
            self.person.abort().await;
            self.person.open().await;
        }
        self
    }

    async fn write(&mut self, text: String) {
        let sent = self
            .person
            .client()
            .send(Recipient::Account(self.peer), text.clone());
        sent.await.expect("stored");
        self.stored.push(text);
    }

    /// Own texts in a history: each stored one once, in order, and of the unknown ones at most one.
    fn check(&self, texts: &[String]) {
        let own: Vec<&String> = texts
            .iter()
            .filter(|text| text.starts_with(&self.person.name))
            .collect();
        let stored: Vec<&String> = own
            .iter()
            .copied()
            .filter(|text| !self.unknown.contains(text))
            .collect();
        assert!(
            stored.iter().copied().eq(&self.stored),
            "{} has {stored:?}",
            self.person.name
        );
        for unknown in &self.unknown {
            let times = own.iter().filter(|text| **text == unknown).count();
            assert!(times <= 1, "{unknown} came {times} times");
        }
    }
}

async fn pair(house: &House, number: usize) -> [Writer; 2] {
    let (a, b) = (format!("ann{number}"), format!("ben{number}"));
    let mut ann = Person::register(&house.server(), &a).await;
    let mut ben = Person::register(&house.server(), &b).await;
    let hello = ann.send(&ben, "hello").await;
    ann.sent(hello).await;
    ben.received("hello").await;
    ben.accept(&ann).await;
    let seed = number as u64;
    let writer = |person: Person, peer, seed| Writer {
        person,
        peer,
        dice: Dice::new(seed),
        stored: Vec::new(),
        unknown: Vec::new(),
    };
    let (of_ann, of_ben) = (ann.account, ben.account);
    [
        writer(ann, of_ben, 2 * seed),
        writer(ben, of_ann, 2 * seed + 1),
    ]
}

/// Both histories, once they are equal and hold all that was stored.
async fn agreed([ann, ben]: [&Writer; 2]) -> Vec<String> {
    let end = Instant::now() + PATIENCE;
    loop {
        let history = ann.person.transcript(&ben.person).await;
        let other = ben.person.transcript(&ann.person).await;
        let texts: Vec<String> = history.iter().map(|(_, _, text)| text.clone()).collect();
        let has = |text: &String| texts.contains(text);
        if history == other && ann.stored.iter().chain(&ben.stored).all(has) {
            return texts;
        }
        assert!(Instant::now() < end, "{history:#?}\nis not\n{other:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_aborted_at_any_moment_lose_and_double_nothing() {
    let mut house = house(Shape::OneProcess);
    let mut all = Vec::new();
    for number in 0..PAIRS {
        all.extend(pair(&house, number).await);
    }
    let mut working = tokio::task::JoinSet::new();
    for (number, writer) in all.into_iter().enumerate() {
        working.spawn(async move { (number, writer.work().await) });
    }
    // The server is not spared either.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        house.kill();
        house.start_again();
    }
    let mut all = working.join_all().await;
    all.sort_by_key(|(number, _)| *number);
    for two in all.chunks(2) {
        let [(_, ann), (_, ben)] = two else {
            panic!("a pair")
        };
        let texts = agreed([ann, ben]).await;
        ann.check(&texts);
        ben.check(&texts);
    }
}
