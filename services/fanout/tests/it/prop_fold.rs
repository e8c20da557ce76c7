//! The fold agrees with the model on every outcome of random histories, and keeps its invariants.

use std::collections::{BTreeSet, HashMap};

use proptest::prelude::*;
use xchat_crypto::envelope::{HeadLink, head_hash, head_hash_start};
use xchat_fanout::domain::{Conversation, Effects, Record, fold};
use xchat_types::{ControlHash, Epoch, HeadHash, Outcome, RecordKind, Sequence};

use crate::{
    meaning::Meaning,
    model::Model,
    script::{Act, acts, full, records},
    world::{CONVERSATION, World},
};

/// What is checked after every record, beside the outcome.
struct Ledger {
    hash: HeadHash,
    sequence: u64,
    commits: HashMap<Epoch, usize>,
}

impl Ledger {
    fn new() -> Self {
        Self {
            hash: head_hash_start(&CONVERSATION),
            sequence: 0,
            commits: HashMap::new(),
        }
    }

    /// `hear`: the people who are to be delivered the record, if it takes a sequence.
    fn check(
        &mut self,
        world: &World,
        hear: &BTreeSet<usize>,
        outcome: &Outcome,
        effects: &Effects,
    ) {
        let logged = world.log.last().unwrap();
        let record = Record::decode(&CONVERSATION, &logged.bytes).ok();
        let Some(sequence) = outcome.sequence() else {
            assert_eq!(effects.envelope, None);
            assert_eq!(
                effects.audience,
                [],
                "what is not applied is delivered to nobody"
            );
            let told = effects.told.as_ref().unwrap();
            assert_eq!(told.outcome, *outcome, "what is not applied is told");
            return;
        };
        self.sequence += 1;
        assert_eq!(sequence, Sequence(self.sequence), "dense");
        let envelope = effects.envelope.as_ref().unwrap();
        let link = HeadLink {
            sequence,
            appended_at: logged.appended_at,
            accepted_at: envelope.accepted_at,
            bucket: envelope.bucket,
            control_hash: control_hash(world),
            digest: envelope.digest,
        };
        self.hash = head_hash(&self.hash, &link);
        assert_eq!(envelope.head_hash, self.hash, "chained");
        if let Some(record) = record {
            assert_eq!(envelope.digest, record.digest, "nothing is altered");
            if record.header.kind == RecordKind::CommitBundle {
                let commits = self.commits.entry(record.header.epoch).or_default();
                *commits += 1;
                assert_eq!(*commits, 1, "one commit an epoch");
            }
        }
        let audience: BTreeSet<_> = effects.audience.iter().map(|id| world.who(*id)).collect();
        assert_eq!(audience.len(), effects.audience.len(), "nobody twice");
        assert_eq!(
            audience, *hear,
            "who is in, or asked, is delivered {sequence}"
        );
    }
}

fn control_hash(world: &World) -> ControlHash {
    world.conversation.head.control_hash()
}

fn play(acts: &[Act]) -> World {
    let mut world = World::new();
    let mut model = Model::default();
    let mut ledger = Ledger::new();
    let mut said: Vec<(bytes::Bytes, Meaning)> = Vec::new();
    for act in acts {
        let made = if let Act::Again { back } = act {
            said.iter().rev().nth(*back).cloned().into_iter().collect()
        } else {
            records(&mut world, act)
        };
        for (bytes, meaning) in made {
            let hear = (0..4).filter(|who| model.hears(*who, &meaning)).collect();
            let expected = model.fold(&meaning);
            let (outcome, effects) = world.append(bytes.clone());
            assert_eq!(outcome, expected, "{meaning:?}");
            ledger.check(&world, &hear, &outcome, &effects);
            said.push((bytes, meaning));
        }
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fold_agrees_with_a_naive_model_on_every_outcome(acts in acts(60)) {
        play(&acts);
    }
}

/// Every way in which a record can end.
fn endings(world: &World) -> BTreeSet<&'static str> {
    let mut conversation = Conversation::unborn(CONVERSATION);
    let mut endings = BTreeSet::new();
    for logged in &world.log {
        if let Ok(record) = Record::decode(&CONVERSATION, &logged.bytes) {
            conversation
                .senders
                .entry(record.header.sender)
                .or_default();
        }
        conversation = fold(conversation, logged).unwrap().conversation;
        endings.insert(
            match &conversation.head.redo.as_ref().unwrap().recent.outcome {
                Outcome::Applied(_) => "applied",
                Outcome::Parked(_) => "parked",
                Outcome::Duplicate { .. } => "duplicate",
                Outcome::Refused(reason) => reason.name(),
            },
        );
    }
    endings
}

#[test]
fn a_history_with_something_of_everything_is_folded_as_the_model_says() {
    let world = play(&full());
    assert!(world.epoch() > Epoch(6));
    let endings: Vec<_> = endings(&world).into_iter().collect();
    let all = [
        "applied",
        "awaiting_consent",
        "counter_gap",
        "denied_by_role",
        "duplicate",
        "expired",
        "invalid_handshake",
        "not_member",
        "parked",
        "stale_epoch",
        "too_large",
    ];
    assert_eq!(endings, all);
}
