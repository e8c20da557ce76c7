//! Mutated frames of a device that is logged in: each is answered, or ends the socket.

use futures_util::future::join_all;
use xchat_integration_tests::{
    House, Shape, frames,
    raw::{Device, Link, Room, accept, submission},
};
use xchat_mls::Change;
use xchat_proto::{
    Message as _,
    client::{ClientFrame, SubmitRequest, client_frame::Body as Ask, server_frame::Body as Tell},
    common::{Reason, RefuseReason, outcome::Kind},
    convert,
};
use xchat_types::{Counter, Header, RecordKind};

use super::{Dice, Pair};
use crate::house;

const ATTACKERS: u64 = 4;
const FRAMES: usize = 10_000 / 4;
/// Of so many frames that are no submissions one is unreadable: behind the decoder is more to be
/// hurt.
const UNREADABLE: usize = 20;
/// Frames in one conversation. A mutated commit may be taken, and what follows is then stale.
const FRAMES_IN_A_ROOM: usize = 500;

struct Attacker<'a> {
    house: &'a House,
    device: Device,
    link: Link,
    scene: Scene,
    dice: Dice,
    seen: Seen,
}

/// What happened, so that it can be told from nothing.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    answered: usize,
    closed: usize,
    /// Records with mutated payloads that the log has taken.
    accepted: usize,
    /// Records that ingress has parsed and judged, and refused.
    judged: usize,
}

fn is_readable(bytes: &[u8]) -> bool {
    ClientFrame::decode(bytes).is_ok_and(|frame| frame.request_id > 0 && frame.body.is_some())
}

impl<'a> Attacker<'a> {
    async fn new(house: &'a House, seed: u64) -> Self {
        let device = Device::new();
        let mut link = Link::open(house.public(), &device, true).await;
        let scene = Scene::set(&device, &mut link).await;
        Self {
            house,
            device,
            link,
            scene,
            dice: Dice(0x5eed_0003 + seed),
            seen: Seen::default(),
        }
    }

    async fn attack(mut self) -> Seen {
        for number in 1..=FRAMES {
            let (bytes, header) = self.frame();
            if let Some(answer) = self.link.provoke(bytes).await {
                self.seen.answered += 1;
                if let Some(header) = header {
                    self.submitted(&answer, header);
                }
            } else {
                self.seen.closed += 1;
                self.link = Link::open(self.house.public(), &self.device, false).await;
            }
            self.outcomes();
            if number % FRAMES_IN_A_ROOM == 0 {
                self.scene = Scene::set(&self.device, &mut self.link).await;
            }
        }
        self.seen
    }

    /// A mutated frame of any kind; half of them submissions whose digest fits.
    fn frame(&mut self) -> (Vec<u8>, Option<Header>) {
        if self.dice.roll(2) == 0 {
            let (header, submit) = self.submission();
            let frame = ClientFrame {
                request_id: 7,
                body: Some(Ask::Submit(submit)),
            };
            return (frame.encode_to_vec(), Some(header));
        }
        let readable = self.dice.roll(UNREADABLE) > 0;
        let frame = self.dice.roll(self.scene.corpus.len());
        for _ in 0..100 {
            let mut bytes = self.scene.corpus[frame].1.clone();
            self.dice.mutate(&mut bytes);
            if is_readable(&bytes) == readable {
                return (bytes, None);
            }
        }
        (vec![0xff; 9], None)
    }

    /// The right header, a mutated payload, and the digest of both.
    fn submission(&mut self) -> (Header, SubmitRequest) {
        let next = |kind| self.scene.room.next(&self.device, kind);
        let (header, mut payload) = match self.dice.roll(4) {
            0 => self.scene.genesis.clone(),
            1 => (next(RecordKind::CommitBundle), self.scene.bundle.clone()),
            2 => {
                let header = next(RecordKind::Control);
                (header, accept(&self.device, &header))
            }
            _ => self.scene.message(&self.device),
        };
        // Mostly what keeps its shape, and so comes further.
        if self.dice.roll(4) == 0 {
            self.dice.mutate(&mut payload);
        } else {
            self.dice.flip(&mut payload);
        }
        (header, submission(&header, payload))
    }

    fn submitted(&mut self, answer: &Tell, header: Header) {
        match answer {
            Tell::Submit(_) => {
                self.seen.accepted += 1;
                if header.conversation == self.scene.room.conversation {
                    self.scene.room.counter = header.counter;
                }
            }
            Tell::Error(error) => {
                let before = [Reason::Malformed, Reason::DigestMismatch, Reason::TooLarge];
                assert!(
                    !before.contains(&error.reason()),
                    "not a test of MLS: {error:?}"
                );
                let judged = error.reason() == Reason::BadSignature;
                self.seen.judged += usize::from(judged);
            }
            other => panic!("an answer to something else: {other:?}"),
        }
    }

    /// What the fold said meanwhile; a gap says which counter is next.
    fn outcomes(&mut self) {
        let here = convert::id_bytes(&self.scene.room.conversation);
        for push in self.link.pushes.drain(..) {
            let Tell::OutcomePush(push) = push else {
                continue;
            };
            let Some(Kind::Refused(refused)) = push.outcome.and_then(|outcome| outcome.kind) else {
                continue;
            };
            if refused.reason() == RefuseReason::CounterGap && push.conversation_id == here {
                self.scene.room.counter = Counter(refused.expected_counter - 1);
            }
        }
    }
}

/// A room, what might be said in it, and frames that speak of it.
struct Scene {
    room: Room,
    /// Of another room, which is not there yet.
    genesis: (Header, Vec<u8>),
    bundle: Vec<u8>,
    message: Option<(Header, Vec<u8>)>,
    corpus: Vec<(&'static str, Vec<u8>)>,
}

impl Scene {
    async fn set(device: &Device, link: &mut Link) -> Self {
        let mut room = Room::found(device, link).await;
        let header = room.next(device, RecordKind::CommitBundle);
        let bundle = room.group.commit(&device.mls, &header, &Change::default());
        let bundle = bundle.unwrap().to_bytes();
        room.group.clear_pending_commit().unwrap();
        let (other, genesis) = Room::create(device);
        let corpus = frames::of(&frames::Ids {
            account: convert::id_bytes(&device.account()),
            device: convert::id_bytes(&device.mls.id()),
            conversation: convert::id_bytes(&room.conversation),
        });
        Self {
            room,
            genesis: (other.next(device, RecordKind::Genesis), genesis),
            bundle,
            message: None,
            corpus,
        }
    }

    /// The next message; encrypted once for each counter.
    fn message(&mut self, device: &Device) -> (Header, Vec<u8>) {
        let next = self.room.next(device, RecordKind::Application);
        let known = self.message.take();
        let message = known.filter(|(header, _)| header.counter == next.counter);
        let message = message.unwrap_or_else(|| {
            let payload = self.room.group.encrypt(&device.mls, &next, &[0x78; 200]);
            (next, payload.unwrap().into_bytes())
        });
        self.message.insert(message).clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_mutated_frames_of_devices_are_each_answered_and_kill_nothing() {
    let house = house(Shape::OneProcess);
    let mut pair = Pair::register(&house).await;
    let attackers = (1..=ATTACKERS).map(|seed| Attacker::new(&house, seed));
    let attacks = join_all(attackers).await.into_iter().map(Attacker::attack);
    let seen = join_all(attacks).await;
    let sum = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
    assert_eq!(sum(|seen| seen.answered + seen.closed), 10_000);
    assert!(sum(|seen| seen.answered) > 9_000, "{seen:?}");
    assert!(
        sum(|seen| seen.accepted) > 500,
        "few came to the fold: {seen:?}"
    );
    assert!(
        sum(|seen| seen.judged) > 500,
        "few came to the judge: {seen:?}"
    );
    pair.talk().await;
    assert!(!house.logs().contains("panicked"), "no panic is logged");
}
