//! A small honest model of the server: accounts, key packages, one log a conversation folded by the
//! judge, outcomes, marks, welcomes. Naive on purpose: everything in maps, nothing expires.

mod conversation;
mod directory;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use xchat_core::Entropy;
use xchat_crypto::SecretKey;
use xchat_proto::{
    API_VERSION,
    client::{self, client_frame::Body as Ask, server_frame::Body as Answer},
    common::{self, Reason},
    convert,
};
use xchat_types::{ConversationId, DeviceId, Header, Millis, Sequence, WelcomeRef, limits};

pub(crate) use self::conversation::Log;
use self::directory::Directory;

/// What a test makes the server refuse once.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) request: &'static str,
    pub(crate) reason: Reason,
    pub(crate) retry_after_ms: u64,
}

/// Whether marks are there when a record is pushed, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marking {
    AtOnce,
    Never,
}

#[derive(Clone, Debug)]
pub(crate) struct Relay {
    pub(crate) key: SecretKey,
    pub(crate) now: Millis,
    pub(crate) directory: Directory,
    pub(crate) logs: BTreeMap<ConversationId, Log>,
    pub(crate) welcomes: BTreeMap<DeviceId, BTreeMap<WelcomeRef, client::Welcome>>,
    pub(crate) marks: BTreeMap<(DeviceId, ConversationId), Sequence>,
    pub(crate) acked: BTreeMap<(DeviceId, ConversationId), Sequence>,
    /// Devices with a route, and what is on its way to them.
    pub(crate) routes: BTreeMap<DeviceId, VecDeque<client::ServerFrame>>,
    pub(crate) refusals: VecDeque<Refusal>,
    pub(crate) seen: Vec<(DeviceId, &'static str)>,
    pub(crate) last: &'static str,
    pub(crate) api_version: u32,
    /// Whether pushes are sent at all: marks alone must do.
    pub(crate) pushes: bool,
    pub(crate) marking: Marking,
    /// Records are taken but not folded.
    pub(crate) log_stands: bool,
    pub(crate) unfolded: VecDeque<client::SubmitRequest>,
    /// The next record is accepted by nobody: only the one after it shows the gap.
    pub(crate) lose_submit: bool,
    /// Shortest pause between two records; 0: none.
    pub(crate) pace_ms: u64,
    next_submit: Millis,
}

impl Relay {
    pub(crate) fn new(now: Millis) -> Self {
        Self {
            key: SecretKey::from_seed([99; 32]),
            now,
            directory: Directory::default(),
            logs: BTreeMap::new(),
            welcomes: BTreeMap::new(),
            marks: BTreeMap::new(),
            acked: BTreeMap::new(),
            routes: BTreeMap::new(),
            refusals: VecDeque::new(),
            seen: Vec::new(),
            last: "",
            api_version: API_VERSION,
            pushes: true,
            marking: Marking::AtOnce,
            log_stands: false,
            unfolded: VecDeque::new(),
            lose_submit: false,
            pace_ms: 0,
            next_submit: Millis(0),
        }
    }

    /// Answers one request of a socket whose device is `device` once it has logged in.
    pub(crate) fn answer(
        &mut self,
        device: &mut Option<DeviceId>,
        entropy: &mut dyn Entropy,
        frame: client::ClientFrame,
    ) -> client::ServerFrame {
        let ask = frame.body.expect("a client sends no empty frames");
        let name = name_of(&ask);
        self.last = name;
        if let Some(device) = device {
            self.seen.push((*device, name));
        }
        let refusal = self
            .refusals
            .iter()
            .position(|refusal| refusal.request == name);
        let body = if let Some(at) = refusal {
            let refusal = self.refusals.remove(at).unwrap();
            error(refusal.reason, refusal.retry_after_ms)
        } else if let Some(answer) = self.before_login(device, entropy, &ask) {
            answer
        } else if let Some(device) = *device {
            self.after_login(device, ask)
        } else {
            error(Reason::Unauthenticated, 0)
        };
        client::ServerFrame {
            request_id: frame.request_id,
            body: Some(body),
        }
    }

    fn after_login(&mut self, device: DeviceId, ask: Ask) -> Answer {
        match ask {
            Ask::Resume(_) => self.resume(device),
            Ask::ListMarks(_) => Answer::ListMarks(client::ListMarksResponse::default()),
            Ask::Submit(submit) => self.submit(device, submit),
            Ask::Pull(pull) => self.pull(device, &pull),
            Ask::Ack(ack) => self.ack(device, &ack),
            Ask::FetchOutcomes(fetch) => {
                let id = convert::id(&fetch.conversation_id, "conversation").unwrap();
                match self.logs.get(&id) {
                    Some(log) => Answer::FetchOutcomes(log.outcomes(&device)),
                    None => error(Reason::ConversationUnknown, 0),
                }
            }
            Ask::FetchTree(fetch) => {
                let id = convert::id(&fetch.conversation_id, "conversation").unwrap();
                // A server that lied about the id has the tree all the same.
                let log = self.logs.get(&id).or_else(|| self.logs.values().next());
                Answer::FetchTree(log.unwrap().tree(fetch.epoch))
            }
            Ask::AckWelcome(ack) => {
                let reference = convert::id(&ack.welcome_ref, "welcome").unwrap();
                self.welcomes.entry(device).or_default().remove(&reference);
                Answer::AckWelcome(client::AckWelcomeResponse {})
            }
            other => self.directory.answer(device, other),
        }
    }

    fn resume(&mut self, device: DeviceId) -> Answer {
        // Register the route, then read.
        self.routes.insert(device, VecDeque::new());
        let marks = self
            .marks
            .iter()
            .filter(|((marked, _), _)| *marked == device);
        let marks = marks.map(|((_, conversation), sequence)| client::Mark {
            conversation_id: convert::id_bytes(conversation),
            sequence: sequence.0,
        });
        Answer::Resume(client::ResumeResponse {
            marks: marks.collect(),
            welcomes: self
                .welcomes
                .entry(device)
                .or_default()
                .values()
                .cloned()
                .collect(),
            next_marks_after: Bytes::new(),
        })
    }

    fn submit(&mut self, device: DeviceId, submit: client::SubmitRequest) -> Answer {
        let header = Header::try_from(submit.header.as_ref().unwrap()).unwrap();
        assert_eq!(header.sender, device, "a device submits under its own name");
        xchat_mls::check_header(&header, &submit.payload).expect("header fits payload");
        let digest = xchat_crypto::envelope::digest(&header, &submit.payload);
        assert_eq!(submit.digest, convert::id_bytes(&digest));
        if self.now.until(header.created_at) > limits::CLOCK_WARN_MS {
            return error(Reason::ClockSkew, 0);
        }
        if self.pace_ms > 0 {
            if self.now < self.next_submit {
                return error(Reason::RateLimited, self.now.until(self.next_submit));
            }
            self.next_submit = self.now.saturating_add(self.pace_ms);
        }
        if std::mem::take(&mut self.lose_submit) {
            return Answer::Submit(client::SubmitResponse { accepted_at_ms: 0 });
        }
        self.unfolded.push_back(submit);
        if !self.log_stands {
            self.fold();
        }
        Answer::Submit(client::SubmitResponse {
            accepted_at_ms: self.now.0,
        })
    }

    /// Folds what the log holds.
    pub(crate) fn fold(&mut self) {
        while let Some(submit) = self.unfolded.pop_front() {
            self.fold_one(&submit);
        }
    }

    fn fold_one(&mut self, submit: &client::SubmitRequest) {
        let header = Header::try_from(submit.header.as_ref().unwrap()).unwrap();
        let id = header.conversation;
        let log = self.logs.entry(id).or_insert_with(|| Log::new(id));
        let before = log.head();
        let folded = log.fold(&header, &submit.payload, self.now);
        let (head, members) = (log.head(), log.delivered_to());
        for (device, welcome) in folded.welcomes {
            let reference = convert::id(&welcome.welcome_ref, "welcome").unwrap();
            let kept = self.welcomes.entry(device).or_default();
            kept.insert(reference, welcome.clone());
            let welcome = Some(welcome);
            self.push(device, Answer::WelcomePush(client::WelcomePush { welcome }));
        }
        if head > before {
            for (device, pushed) in members {
                if self.marking == Marking::AtOnce {
                    self.marks.insert((device, id), head);
                }
                let records = self.logs[&id].records(&device, before);
                if pushed && !records.is_empty() {
                    self.push(device, Answer::DeliverPush(client::DeliverPush { records }));
                }
            }
        }
        if let Some(outcome) = folded.refusal {
            self.push(header.sender, Answer::OutcomePush(outcome));
        }
    }

    fn push(&mut self, device: DeviceId, body: Answer) {
        if !self.pushes {
            return;
        }
        if let Some(route) = self.routes.get_mut(&device) {
            route.push_back(client::ServerFrame {
                request_id: 0,
                body: Some(body),
            });
        }
    }

    fn pull(&self, device: DeviceId, pull: &client::PullRequest) -> Answer {
        let id = convert::id(&pull.conversation_id, "conversation").unwrap();
        let Some(log) = self.logs.get(&id) else {
            return error(Reason::ConversationUnknown, 0);
        };
        if pull.after_sequence > log.head().0 {
            return error(Reason::RolledBack, 0);
        }
        let mut records = log.records(&device, Sequence(pull.after_sequence));
        records.truncate(8);
        Answer::Pull(client::PullResponse {
            records,
            head_sequence: log.head().0,
        })
    }

    fn ack(&mut self, device: DeviceId, ack: &client::AckRequest) -> Answer {
        let id = convert::id(&ack.conversation_id, "conversation").unwrap();
        let sequence = Sequence(ack.sequence);
        if self.logs.get(&id).is_none_or(|log| sequence > log.head()) {
            return error(Reason::RolledBack, 0);
        }
        let cursor = self.acked.entry((device, id)).or_default();
        *cursor = sequence.max(*cursor);
        if self
            .marks
            .get(&(device, id))
            .is_some_and(|mark| *mark <= sequence)
        {
            self.marks.remove(&(device, id));
        }
        Answer::Ack(client::AckResponse {})
    }

    pub(crate) fn count(&self, device: DeviceId, request: &str) -> usize {
        let seen = self.seen.iter();
        seen.filter(|(by, name)| *by == device && *name == request)
            .count()
    }
}

pub(crate) fn error(reason: Reason, retry_after_ms: u64) -> Answer {
    Answer::Error(common::Error {
        reason: reason.into(),
        message: format!("{reason:?}"),
        retry_after_ms,
        correlation_id: String::new(),
    })
}

const fn name_of(ask: &Ask) -> &'static str {
    match ask {
        Ask::Hello(_) => "hello",
        Ask::Challenge(_) => "challenge",
        Ask::Register(_) => "register",
        Ask::Login(_) => "login",
        Ask::Refresh(_) => "refresh",
        Ask::SetUsername(_) => "set_username",
        Ask::LookupUsername(_) => "lookup",
        Ask::PublishKeyPackages(_) => "publish",
        Ask::CountKeyPackages(_) => "count",
        Ask::ClaimKeyPackages(_) => "claim",
        Ask::Resume(_) => "resume",
        Ask::ListMarks(_) => "list_marks",
        Ask::Submit(_) => "submit",
        Ask::Pull(_) => "pull",
        Ask::Ack(_) => "ack",
        Ask::FetchOutcomes(_) => "outcomes",
        Ask::FetchTree(_) => "tree",
        Ask::AckWelcome(_) => "ack_welcome",
    }
}
