//! What arrives at the gateway cannot hurt it.

mod corpus;
mod mutated;
mod revoked;
mod silent;
mod stalled;
mod strangers;

use xchat_integration_tests::{House, Person};

/// Two people who are logged in, and can say whether they are served.
struct Pair {
    alice: Person,
    bob: Person,
    said: usize,
}

impl Pair {
    async fn register(house: &House) -> Self {
        let mut alice = Person::register(&house.server(), "alice").await;
        let mut bob = Person::register(&house.server(), "bob").await;
        let ticket = alice.send(&bob, "hello").await;
        alice.sent(ticket).await;
        bob.received("hello").await;
        bob.accept(&alice).await;
        Self {
            alice,
            bob,
            said: 0,
        }
    }

    /// A message from one to the other, and an answer.
    async fn talk(&mut self) {
        self.said += 1;
        let text = format!("still there? {}", self.said);
        self.alice.send(&self.bob, &text).await;
        self.bob.received(&text).await;
        let text = format!("yes, {}", self.said);
        self.bob.send(&self.alice, &text).await;
        self.alice.received(&text).await;
    }
}

/// Whether newcomers are served: two sign up and talk.
async fn others_are_served(house: &House) {
    Pair::register(house).await.talk().await;
}

/// Deterministic, so that a failing run can be run again: xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % sides
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.roll(256)).unwrap()
    }

    /// One to four bits turned over.
    fn flip(&mut self, bytes: &mut [u8]) {
        for _ in 0..=self.roll(4) {
            let at = self.roll(bytes.len());
            bytes[at] ^= 1 << self.roll(8);
        }
    }

    /// One to four changes: cut, insert, flip a bit, lengthen.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.roll(4) {
            let at = self.roll(bytes.len().max(1));
            match self.roll(8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.byte()),
                2 => bytes.push(0xff),
                _ if bytes.is_empty() => bytes.push(self.byte()),
                _ => bytes[at] ^= 1 << self.roll(8),
            }
        }
    }
}

/// Resident memory of all processes in KiB.
fn resident(house: &House) -> u64 {
    let rss = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap().to_owned();
        kibibytes.parse::<u64>().unwrap()
    };
    house.pids().into_iter().map(rss).sum()
}
