//! Two or more hosts and one relay, under one clock.

use prost::Message as _;
use xchat_core::{
    CloseReason, Command, Connection, Event, Input, Phase, Recipient, Settings, Ticket,
};
use xchat_crypto::Phrase;
use xchat_proto::client::{ServerFrame, server_frame::Body};
use xchat_types::{AccountId, ConversationId, Millis};

use crate::{
    host::{Host, Seeded},
    relay::Relay,
};

/// What may happen to frames on their way. One in so many; 0 never.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    pub(crate) lose_answer: u64,
    pub(crate) double_push: u64,
    pub(crate) swap_pushes: u64,
    pub(crate) drop_socket: u64,
}

/// Looks at, or changes, what the server sends to a host.
pub(crate) type Tamper = Box<dyn FnMut(&'static str, &mut ServerFrame)>;

/// What happens when a process comes back.
pub(crate) type Rise = Box<dyn FnMut(&mut Host)>;

pub(crate) struct World {
    pub(crate) relay: Relay,
    pub(crate) hosts: Vec<Host>,
    pub(crate) now: Millis,
    pub(crate) weather: Weather,
    pub(crate) dice: Seeded,
    pub(crate) tamper: Option<Tamper>,
    /// What happens when a process comes back.
    pub(crate) on_crash: Option<Rise>,
    /// Answers to this request are lost, so many times.
    pub(crate) lose: Option<(&'static str, u32)>,
    tickets: u8,
}

pub(crate) fn settings() -> Settings {
    Settings {
        key_packages: 2,
        refill_below: 1,
        ..Settings::default()
    }
}

/// OpenMLS looks at the system's clock when it opens a key package, so that tests cannot live in
/// another year.
#[expect(clippy::disallowed_methods, reason = "see above")]
pub(crate) fn today() -> Millis {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    Millis(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) const ALICE: usize = 0;
pub(crate) const BOB: usize = 1;

impl World {
    pub(crate) fn empty() -> Self {
        let now = today();
        Self {
            relay: Relay::new(now),
            hosts: Vec::new(),
            now,
            weather: Weather::default(),
            dice: Seeded(1),
            tamper: None,
            on_crash: None,
            lose: None,
            tickets: 0,
        }
    }

    /// Alice and Bob, registered, with key packages published, online.
    pub(crate) fn two() -> Self {
        Self::of(&["alice", "bob"], &settings())
    }

    pub(crate) fn of(names: &[&'static str], settings: &Settings) -> Self {
        let mut world = Self::empty();
        for (index, name) in names.iter().enumerate() {
            let seed = u64::try_from(index).unwrap() * 1_000 + 7;
            world.hosts.push(Host::new(name, seed, settings.clone()));
            world.register(index, [u8::try_from(index).unwrap() + 1; 32]);
            world.connect(index);
        }
        world.settle();
        world
    }

    /// A copy in which everybody has just started, so that many tests need not sign up again.
    pub(crate) fn restarted(&self) -> Self {
        let mut relay = self.relay.clone();
        relay.routes.clear();
        relay.seen.clear();
        Self {
            relay,
            hosts: self.hosts.iter().map(Host::restarted).collect(),
            now: self.now,
            weather: Weather::default(),
            dice: Seeded(1),
            tamper: None,
            on_crash: None,
            lose: None,
            tickets: self.tickets,
        }
    }

    pub(crate) fn register(&mut self, index: usize, entropy: [u8; 32]) {
        let username = Some(self.hosts[index].name.to_owned());
        self.command(
            index,
            Command::Register {
                phrase: Phrase::from_entropy(entropy),
                keep_root: true,
                username,
                invite: None,
            },
        );
    }

    pub(crate) fn command(&mut self, index: usize, command: Command) {
        self.hosts[index].command(self.now, command);
    }

    pub(crate) fn connect(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.online = true;
        host.device = None;
        host.sockets += 1;
        host.outgoing.clear();
        host.input(self.now, Input::Connected);
    }

    pub(crate) fn disconnect(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.online = false;
        host.outgoing.clear();
        if let Some(device) = host.device.take() {
            self.relay.routes.remove(&device);
        }
        host.input(self.now, Input::Disconnected);
    }

    pub(crate) fn account(&mut self, index: usize) -> AccountId {
        self.hosts[index].engine().profile().unwrap().account
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket([self.tickets; 16])
    }

    pub(crate) fn send(&mut self, from: usize, to: &str, text: &str) -> Ticket {
        let ticket = self.ticket();
        let to = Recipient::Name(to.to_owned());
        let text = text.to_owned();
        self.command(from, Command::Send { ticket, to, text });
        ticket
    }

    /// Alice asks, Bob accepts, everything is quiet. The conversation's id.
    pub(crate) fn befriend(&mut self) -> ConversationId {
        self.send(ALICE, "bob", "may I?");
        self.settle();
        let peer = Recipient::Name("alice".to_owned());
        self.command(BOB, Command::Accept { peer });
        self.settle();
        let conversations = self.hosts[ALICE].engine().conversations();
        assert_eq!(conversations[0].phase, Phase::Open);
        conversations[0].id
    }

    /// Carries frames until nothing moves any more and everybody who is online says so.
    pub(crate) fn settle(&mut self) {
        for _ in 0..5_000 {
            if self.carry_one() {
                continue;
            }
            self.reconnect();
            if self.hosts.iter().any(|host| !host.outgoing.is_empty()) {
                continue;
            }
            if self.is_settled() {
                return;
            }
            if !self.pass_time() {
                return;
            }
        }
        panic!("never settled: {:?}", self.dice);
    }

    /// Carries every frame that is there, and lets no time pass.
    pub(crate) fn drain(&mut self) {
        while self.carry_one() {}
    }

    /// Carries one frame, or lets time pass to the next timer.
    pub(crate) fn step(&mut self) {
        if !self.carry_one() && !self.is_settled() {
            self.pass_time();
        }
    }

    fn is_settled(&mut self) -> bool {
        let mut hosts = self.hosts.iter_mut().filter(|host| host.online);
        hosts.all(|host| {
            let strange = host.engine().connection() == Connection::Unregistered;
            strange || host.engine().is_settled()
        })
    }

    /// To the next timer; `false` if there is none within an hour.
    fn pass_time(&mut self) -> bool {
        let timers = self.hosts.iter().filter(|host| host.online);
        let Some(next) = timers.filter_map(|host| host.timer).min() else {
            return false;
        };
        if self.now.until(next) > 3_600_000 {
            return false;
        }
        self.now = self.now.max(next);
        self.relay.now = self.now;
        for host in &mut self.hosts {
            if host.online && host.timer.is_some_and(|timer| timer <= self.now) {
                host.timer = None;
                host.input(self.now, Input::Tick);
            }
        }
        true
    }

    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now = self.now.saturating_add(milliseconds);
        self.relay.now = self.now;
        for index in 0..self.hosts.len() {
            self.hosts[index].input(self.now, Input::Tick);
        }
    }

    /// Sockets that were closed and processes that died come back, unless that makes no sense.
    fn reconnect(&mut self) {
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            let crashed = host.crashes > 0 && !host.online;
            let closed = host.closed.pop();
            if closed.is_some() {
                self.disconnect(index);
            }
            if crashed || closed.is_some_and(CloseReason::is_transient) {
                if let (true, Some(again)) = (crashed, &mut self.on_crash) {
                    again(&mut self.hosts[index]);
                }
                self.hosts[index].crashes = 0;
                self.connect(index);
            }
        }
    }

    fn roll(&mut self, one_in: u64) -> bool {
        one_in != 0 && self.dice.once_in(one_in)
    }

    /// One frame of somebody, or one push to somebody.
    fn carry_one(&mut self) -> bool {
        for index in 0..self.hosts.len() {
            if let Some(frame) = self.hosts[index].outgoing.pop_front() {
                self.ask(index, frame);
                return true;
            }
        }
        for index in 0..self.hosts.len() {
            let Some(device) = self.hosts[index].device else {
                continue;
            };
            let swap = self.weather.swap_pushes;
            let swap = self.roll(swap);
            let Some(route) = self.relay.routes.get_mut(&device) else {
                continue;
            };
            if swap && route.len() > 1 {
                route.swap(0, 1);
            }
            if let Some(frame) = route.pop_front() {
                let twice = self.weather.double_push;
                if self.roll(twice) {
                    self.deliver(index, frame.clone());
                }
                self.deliver(index, frame);
                return true;
            }
        }
        false
    }

    fn ask(&mut self, index: usize, frame: xchat_proto::client::ClientFrame) {
        let (drop, lose) = (self.weather.drop_socket, self.weather.lose_answer);
        if self.roll(drop) {
            // The request never arrived.
            self.hosts[index].closed.push(CloseReason::Silence);
            self.hosts[index].outgoing.clear();
            return;
        }
        let host = &mut self.hosts[index];
        let answer = self.relay.answer(&mut host.device, &mut self.dice, frame);
        if let Some((request, times)) = &mut self.lose
            && *times > 0
            && self.relay.last == *request
        {
            *times -= 1;
            return;
        }
        if !self.roll(lose) {
            self.deliver(index, answer);
        }
    }

    pub(crate) fn deliver(&mut self, index: usize, mut frame: ServerFrame) {
        if let Some(tamper) = &mut self.tamper {
            tamper(self.hosts[index].name, &mut frame);
        }
        let host = &mut self.hosts[index];
        if host.online {
            host.frame(self.now, frame.encode_to_vec().into());
        }
    }

    /// Delivers a frame that the relay never made.
    pub(crate) fn inject(&mut self, index: usize, body: Body) {
        let frame = ServerFrame {
            request_id: 0,
            body: Some(body),
        };
        self.deliver(index, frame);
    }

    pub(crate) fn clear_events(&mut self) {
        for host in &mut self.hosts {
            host.events.clear();
        }
    }

    /// Everybody's events, for a failure's text.
    pub(crate) fn told(&self) -> Vec<(&'static str, &Event)> {
        let hosts = self.hosts.iter();
        hosts
            .flat_map(|host| host.events.iter().map(|event| (host.name, event)))
            .collect()
    }
}
