//! A conversation among four devices of three accounts, folded as it goes.

use std::sync::LazyLock;

use bytes::Bytes;
use xchat_fanout::domain::{
    Conversation, Effects, Logged, Place, Record, effects::GroupForm, fold, head::Redo,
};
use xchat_mls::{Change, LeafIndex};
use xchat_ports::Clock as _;
use xchat_types::{
    ControlKind, ConversationId, DeviceId, Epoch, LogId, Millis, Offset, Outcome, PartitionId,
};

use crate::person::{Person, Spot};

pub(crate) const CONVERSATION: ConversationId = ConversationId::new([0xc0; 32]);
pub(crate) const LOG: LogId = LogId::new([0x10; 16]);

/// OpenMLS looks at the machine's clock when it reads a lifetime, so histories play now.
pub(crate) static START: LazyLock<Millis> =
    LazyLock::new(|| xchat_runtime::ambient::SystemClock.now());

pub(crate) struct World {
    pub(crate) id: ConversationId,
    pub(crate) people: Vec<Person>,
    pub(crate) now: Millis,
    pub(crate) conversation: Conversation,
    /// Everything appended so far.
    pub(crate) log: Vec<Logged>,
    /// Whether those who are added join with their clients.
    pub(crate) joins: bool,
}

impl World {
    /// Alice, bob, carol, and bob's second device.
    pub(crate) fn new() -> Self {
        Self::of(CONVERSATION)
    }

    pub(crate) fn of(id: ConversationId) -> Self {
        let people = [(1, 1), (2, 2), (3, 3), (2, 4)];
        Self {
            id,
            people: people
                .map(|(account, device)| Person::new(account, device))
                .into(),
            now: *START,
            conversation: Conversation::unborn(id),
            log: Vec::new(),
            joins: true,
        }
    }

    /// A group of so many people, one device each, added by the first in one commit; so many of
    /// them accept.
    pub(crate) fn crowd(size: u8, accepting: usize, joins: bool) -> Self {
        let mut world = Self::new();
        world.joins = joins;
        world.people = (0..size)
            .map(|number| Person::new(10 + number, 10 + number))
            .collect();
        let spot = world.spot(0);
        let genesis = world.people[0].genesis(spot);
        world.append(genesis.encode());
        let now = world.now;
        let others = world.people.iter_mut().skip(1);
        let change = Change {
            add: others.map(|person| person.package(now)).collect(),
            ..Change::default()
        };
        let spot = world.spot(0);
        let added = world.people[0].commit(spot, &change).unwrap();
        world.append(added.encode());
        for who in 1..=accepting {
            let accept = world.people[who].control(world.spot(who), ControlKind::Accept);
            world.append(accept.encode());
        }
        world
    }

    pub(crate) fn who(&self, device: DeviceId) -> usize {
        self.people
            .iter()
            .position(|person| person.id() == device)
            .unwrap()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.conversation
            .head
            .group
            .as_ref()
            .map_or(Epoch(0), |group| group.epoch)
    }

    /// The next counter of a person, under the current epoch.
    pub(crate) fn spot(&self, who: usize) -> Spot {
        let sender = self.conversation.senders.get(&self.people[who].id());
        Spot {
            conversation: self.id,
            epoch: self.epoch(),
            counter: sender.map_or(0, |sender| sender.last.0) + 1,
            now: self.now,
        }
    }

    pub(crate) fn leaf(&self, who: usize) -> Option<LeafIndex> {
        let leaves = self.conversation.group.as_ref()?.leaves().unwrap();
        let leaf = leaves
            .iter()
            .find(|leaf| leaf.device == self.people[who].id());
        leaf.map(|leaf| leaf.index)
    }

    /// A commit by a person on its own state: adds, or removes, somebody.
    pub(crate) fn commit(&mut self, who: usize, change: Option<(bool, usize)>) -> Option<Record> {
        let spot = self.spot(who);
        let change = match change {
            None => Change::default(),
            Some((true, whom)) => Change {
                add: vec![self.people[whom].package(self.now)],
                ..Change::default()
            },
            Some((false, whom)) => Change {
                remove: vec![self.leaf(whom)?],
                ..Change::default()
            },
        };
        self.people[who].commit(spot, &change)
    }

    /// Appends and folds. Returns the outcome, and lets everybody's client follow.
    pub(crate) fn append(&mut self, bytes: Bytes) -> (Outcome, Effects) {
        self.now = self.now.saturating_add(7);
        self.append_now(bytes)
    }

    pub(crate) fn append_now(&mut self, bytes: Bytes) -> (Outcome, Effects) {
        let logged = Logged {
            place: Place {
                log: LOG,
                partition: PartitionId(0),
                offset: Offset(self.log.len() as u64),
            },
            appended_at: self.now,
            conversation: self.id,
            bytes,
        };
        self.log.push(logged.clone());
        let record = Record::decode(&self.id, &logged.bytes).ok();
        if let Some(record) = &record {
            let senders = &mut self.conversation.senders;
            senders.entry(record.header.sender).or_default();
        }
        let before = self.conversation.clone();
        let folded = fold(before.clone(), &logged).unwrap();
        self.conversation = folded.conversation;
        let outcome = self.redo().recent.outcome.clone();
        if let (Some(record), Some(state)) = (&record, &folded.effects.group_state)
            && state.epoch > Epoch(0)
        {
            self.follow(&before, record, &folded.effects);
        }
        (outcome, folded.effects)
    }

    pub(crate) fn redo(&self) -> &Redo {
        self.conversation.head.redo.as_ref().unwrap()
    }

    fn follow(&mut self, before: &Conversation, record: &Record, effects: &Effects) {
        let control = &before.head.group.as_ref().unwrap().control;
        for person in &mut self.people {
            person.apply(record, control, self.now);
        }
        for invitation in effects.welcomes.iter().filter(|_| self.joins) {
            let state = effects.group_state.as_ref().unwrap();
            let GroupForm::Snapshot(founded) = &state.form else {
                panic!("a commit that adds is stored as a snapshot");
            };
            let tree = founded.snapshot.ratchet_tree().unwrap();
            let who = self.who(invitation.device);
            self.people[who].join(self.id, &invitation.welcome, &tree);
        }
    }
}
