//! A host of an engine: a store in memory, a socket, and a hand that may pull the plug.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use prost::Message as _;
use xchat_core::{
    Batch, CloseReason, Command, Engine, Entropy, Event, HistoryRow, Input, Output, Row, RowKey,
    Scope, Settings, Table, Ticket,
};
use xchat_crypto::proof::{SignedChallenge, solve};
use xchat_proto::client::ClientFrame;
use xchat_types::{ConversationId, DeviceId, KeyPackageRef, Millis};
use zeroize::Zeroizing;

/// Deterministic, and different for every seed. Not for keys that matter.
#[derive(Clone, Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True once in `n`.
    pub(crate) fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next().to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

pub(crate) type Store = BTreeMap<RowKey, Zeroizing<Vec<u8>>>;

/// When the plug is pulled: at the how-manieth batch, and whether that batch is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) at: u64,
    pub(crate) stored: bool,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) store: Store,
    engine: Option<Engine>,
    settings: Settings,
    seed: u64,
    /// Device clock minus world time.
    pub(crate) skew: i64,
    pub(crate) online: bool,
    /// Device of this socket, once logged in.
    pub(crate) device: Option<DeviceId>,
    pub(crate) outgoing: VecDeque<ClientFrame>,
    pub(crate) timer: Option<Millis>,
    pub(crate) events: Vec<Event>,
    pub(crate) closed: Vec<CloseReason>,
    pub(crate) pause: Option<u64>,
    pub(crate) batches: u64,
    pub(crate) crash: Option<Crash>,
    pub(crate) crashes: u32,
    pub(crate) lives: u32,
    /// How often a socket was opened.
    pub(crate) sockets: u32,
    pub(crate) loads: Vec<ConversationId>,
}

impl Host {
    pub(crate) fn new(name: &'static str, seed: u64, settings: Settings) -> Self {
        Self {
            name,
            store: Store::new(),
            engine: None,
            settings,
            seed,
            skew: 0,
            online: false,
            device: None,
            outgoing: VecDeque::new(),
            timer: None,
            events: Vec::new(),
            closed: Vec::new(),
            pause: None,
            batches: 0,
            crash: None,
            crashes: 0,
            lives: 6,
            sockets: 0,
            loads: Vec::new(),
        }
    }

    /// A host over the same store, as after a restart.
    pub(crate) fn restarted(&self) -> Self {
        let mut host = Self::new(self.name, self.seed, self.settings.clone());
        host.store = self.store.clone();
        host.skew = self.skew;
        host
    }

    pub(crate) fn engine(&mut self) -> &mut Engine {
        if self.engine.is_none() {
            self.seed = Seeded(self.seed).next();
            let rows = self.rows(|key| key.scope == Scope::Device);
            let entropy = Box::new(Seeded(self.seed));
            let engine = Engine::open(self.settings.clone(), entropy, rows);
            self.engine = Some(engine.expect("the stored state opens"));
        }
        self.engine.as_mut().unwrap()
    }

    /// Other random values from the next start on.
    pub(crate) const fn reseed(&mut self, seed: u64) {
        self.seed ^= seed.wrapping_mul(0x5851_f42d_4c95_7f2d);
    }

    fn rows(&self, wanted: impl Fn(&RowKey) -> bool) -> Vec<Row> {
        let rows = self.store.iter().filter(|(key, _)| wanted(key));
        rows.map(|(key, value)| Row {
            key: key.clone(),
            value: value.clone(),
        })
        .collect()
    }

    pub(crate) fn input(&mut self, world: Millis, input: Input) {
        let now = Millis(world.0.checked_add_signed(self.skew).unwrap());
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for output in self.engine().handle(now, input) {
                if let Some(next) = self.output(output) {
                    inputs.push_back(next);
                }
                if self.engine.is_none() {
                    // The plug is out.
                    return;
                }
            }
        }
    }

    fn output(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Persist(batch) => return self.persist(batch),
            Output::Frame(bytes) => {
                let frame = ClientFrame::decode(bytes).expect("an own frame");
                self.outgoing.push_back(frame);
            }
            Output::Load(conversation) => {
                self.loads.push(conversation);
                let within = Scope::Conversation(conversation);
                let rows = self.rows(|key| key.scope == within && key.table != Table::History);
                return Some(Input::Loaded { conversation, rows });
            }
            Output::SolveProof { challenge, root } => {
                let challenge = SignedChallenge::from_bytes(&challenge).unwrap();
                let server = xchat_crypto::SecretKey::from_seed([99; 32]).public();
                let challenge = challenge.verify(&server).unwrap();
                let proof = solve(&challenge, &root, |_| {}).unwrap();
                return Some(Input::ProofSolved(proof.to_bytes().to_vec()));
            }
            Output::Timer(at) => {
                let world = at.0.checked_add_signed(-self.skew).unwrap();
                self.timer = Some(Millis(world));
            }
            Output::Close {
                reason,
                reconnect_after,
            } => {
                self.pause = reconnect_after;
                self.closed.push(reason);
                self.online = false;
            }
            Output::Event(event) => self.events.push(event),
        }
        None
    }

    fn persist(&mut self, batch: Batch) -> Option<Input> {
        self.batches += 1;
        let crash = self.crash.filter(|crash| crash.at == self.batches);
        if crash.is_none_or(|crash| crash.stored) {
            for change in batch.changes {
                match change.value {
                    Some(value) => self.store.insert(change.key, value),
                    None => self.store.remove(&change.key),
                };
            }
        }
        if crash.is_some() {
            self.pull_the_plug();
            return None;
        }
        Some(Input::Persisted(batch.id))
    }

    /// Everything in memory is gone. What was stored is not, and what was sent is on its way.
    pub(crate) fn pull_the_plug(&mut self) {
        self.engine = None;
        self.online = false;
        self.timer = None;
        self.crashes += 1;
    }

    pub(crate) fn frame(&mut self, world: Millis, bytes: Bytes) {
        self.input(world, Input::Frame(bytes));
    }

    pub(crate) fn command(&mut self, world: Millis, command: Command) {
        self.input(world, Input::Command(command));
    }

    /// Texts of a conversation's history as stored, in order: (sequence, own, text).
    pub(crate) fn history(&self, conversation: ConversationId) -> Vec<HistoryRow> {
        let within = Scope::Conversation(conversation);
        let rows = self.store.iter();
        let rows = rows.filter(|(key, _)| key.scope == within && key.table == Table::History);
        rows.map(|(_, value)| HistoryRow::from_bytes(value).unwrap())
            .collect()
    }

    /// Every conversation's history in the merged order of a view.
    pub(crate) fn view(&mut self) -> Vec<String> {
        let mut rows = Vec::new();
        for conversation in self.engine().conversations() {
            for row in self.history(conversation.id) {
                rows.push((row.view_key(conversation.id), row.text().unwrap()));
            }
        }
        rows.sort();
        rows.into_iter().map(|(_, text)| text).collect()
    }

    pub(crate) fn received(&self) -> Vec<String> {
        let texts = self.events.iter().filter_map(|event| match event {
            Event::MessageReceived { message, .. } | Event::RequestReceived { message, .. } => {
                message.text()
            }
            _ => None,
        });
        texts.collect()
    }

    /// Whether the private key of a package is stored.
    pub(crate) fn holds(&self, reference: KeyPackageRef) -> bool {
        let rows = self.store.iter();
        let rows = rows.filter(|(key, _)| key.table == Table::KeyPackage);
        let rows = rows.map(|(key, value)| (key.name.clone(), value.clone()));
        let mut packages = xchat_mls::KeyPackages::load(xchat_mls::Rows::from_entries(rows));
        packages.references().contains(&reference)
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }

    pub(crate) fn sent(&self) -> Vec<Ticket> {
        let tickets = self.events.iter().filter_map(|event| match event {
            Event::Sent { ticket, .. } => Some(*ticket),
            _ => None,
        });
        tickets.collect()
    }
}
