//! One conversation: where it stands, its group, its outbox.
//!
//! `deliver` applies what the log decided, `submit` hands in what this device wants, `outcome` hears
//! what became of it. Everything that changes goes into the unit of work of the input that caused
//! it; a conversation that is not loaded collects work until its rows are there.

mod chain;
mod claim;
mod control;
mod deliver;
mod doubt;
mod outcome;
mod own;
mod pull;
mod record;
mod request;
mod row;
mod submission;
mod submit;
mod text;

use std::collections::BTreeMap;

use xchat_crypto::PublicKey;
use xchat_mls::{Group, group::CannotOpen};
use xchat_proto::{client, common};
use xchat_types::{ClaimId, ConversationId, Counter, Millis, Outcome, Sequence};

use crate::{
    desk::Desk,
    event::{Event, Suspension},
    input::Output,
    row::{Row, RowError, RowKey, Table, encode},
};

#[cfg(test)]
pub(crate) use doubt::Doubt;
pub(crate) use record::Record;
pub use row::Phase;
pub(crate) use row::{ConversationRow, Entry};
pub(crate) use submission::Submission;
#[cfg(test)]
pub(crate) use submission::What;
pub(crate) use text::Text;

/// What a conversation is asked to do or told.
#[derive(Debug)]
pub(crate) enum Work {
    /// Look what can go on now.
    Continue,
    /// The server says that the conversation has come up to here.
    Moved(Sequence),
    Pushed(Vec<client::DeliveredRecord>),
    Pulled(client::PullResponse),
    PullFailed(common::Error),
    AckFailed(common::Error),
    Outcome {
        counter: Counter,
        outcome: Outcome,
        digest_prefix: [u8; 8],
    },
    Outcomes(client::FetchOutcomesResponse),
    OutcomesFailed(common::Error),
    Accepted(Counter),
    SubmitFailed(Counter, common::Error),
    Claimed(ClaimId, client::ClaimKeyPackagesResponse),
    ClaimFailed(ClaimId, common::Error),
    Text(Text),
    TakeBack(crate::command::Ticket),
    Answer(bool),
    /// Forward lookup of the claimed name: whether it leads to the peer.
    NameChecked(Option<String>),
    /// A request of the same peer has crossed this one and goes on.
    MergeInto(ConversationId),
}

/// What is loaded on demand.
#[derive(Debug)]
struct Body {
    group: Option<Group>,
    outbox: BTreeMap<u64, Text>,
    submissions: BTreeMap<Counter, Submission>,
    doubts: doubt::Doubts,
}

/// Whether it is known what became of what was sent on earlier sockets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcomes {
    #[default]
    Unknown,
    Asked,
    Known,
}

/// What is true of one socket, or only in memory.
#[derive(Debug, Default)]
struct Live {
    outcomes: Outcomes,
    /// The cursor from which a pull is open.
    pull_open: Option<Sequence>,
    claim_open: bool,
    /// The server finds this device too fast: one record at a time until the outbox is empty.
    paced: bool,
    /// Highest sequence that the server has spoken of.
    head: Sequence,
    /// A push above the cursor: the records before it must come by a pull.
    owed: Option<Sequence>,
    /// Nothing is submitted before this device time.
    retry_at: Option<Millis>,
    /// Reason of the last refusal that was told of, so that each is told once.
    retry_warned: Option<i32>,
    /// The own decline is in the log; whether its stub still comes is for the server to say, for
    /// delivery ends with it.
    declined: bool,
    /// When to look again for the first text of a request.
    poll_at: Option<Millis>,
    polls: u32,
}

#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: ConversationId,
    pub(crate) row: ConversationRow,
    /// The row as it is stored.
    stored: Vec<u8>,
    body: Option<Body>,
    waiting: Vec<Work>,
    live: Live,
}

impl Conversation {
    /// A conversation that is not stored yet.
    pub(crate) fn begin(id: ConversationId, row: ConversationRow, group: Option<Group>) -> Self {
        Self {
            id,
            row,
            stored: Vec::new(),
            body: Some(Body {
                group,
                outbox: BTreeMap::new(),
                submissions: BTreeMap::new(),
                doubts: BTreeMap::new(),
            }),
            waiting: Vec::new(),
            live: Live {
                outcomes: Outcomes::Known,
                ..Live::default()
            },
        }
    }

    pub(crate) fn from_row(id: ConversationId, bytes: &[u8]) -> Result<Self, RowError> {
        let mut row = ConversationRow::from_bytes(bytes)?;
        if row.suspension == Some(Suspension::UpdateNeeded) {
            // This program may be the newer one; if not, it will find out again.
            row.suspension = None;
        }
        Ok(Self {
            id,
            row,
            stored: bytes.to_vec(),
            body: None,
            waiting: Vec::new(),
            live: Live::default(),
        })
    }

    /// Does the work, or asks for the rows and does it then.
    pub(crate) fn work(&mut self, desk: &mut Desk, work: Work) {
        if self.body.is_none() {
            if self.waiting.is_empty() {
                desk.unit.immediate(Output::Load(self.id));
            }
            self.waiting.push(work);
            return;
        }
        self.run(desk, work);
        self.advance(desk);
        self.flush(desk);
    }

    /// Opens the rows and does what waited for them.
    pub(crate) fn loaded(&mut self, desk: &mut Desk, rows: Vec<Row>) -> Result<(), RowError> {
        if self.body.is_some() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.body = Some(self.open(rows)?);
        for work in waiting {
            self.run(desk, work);
        }
        self.advance(desk);
        self.flush(desk);
        Ok(())
    }

    fn open(&self, rows: Vec<Row>) -> Result<Body, RowError> {
        let mut outbox = BTreeMap::new();
        let mut submissions = BTreeMap::new();
        let mut doubts = BTreeMap::new();
        let mut group = Vec::new();
        for Row { key, value } in rows {
            match key.table {
                Table::Outbox => {
                    outbox.insert(key.order, Text::from_bytes(&value)?);
                }
                Table::Submission => {
                    let submission = Submission::from_bytes(&value)?;
                    submissions.insert(submission.counter(), submission);
                }
                Table::Doubt => {
                    let doubt = doubt::Doubt::from_bytes(&value)?;
                    doubts.insert(doubt.key(), doubt);
                }
                Table::Group => group.push((key.name, value)),
                Table::Identity
                | Table::KeyPackage
                | Table::Conversation
                | Table::Name
                | Table::Contact
                | Table::Waiting
                | Table::Publication
                | Table::Returned
                | Table::History => {}
            }
        }
        let group = if group.is_empty() {
            None
        } else {
            let rows = xchat_mls::Rows::from_entries(group);
            let group = Group::load(self.id, self.row.incarnation, rows);
            Some(group.map_err(|CannotOpen| RowError("group"))?)
        };
        Ok(Body {
            group,
            outbox,
            submissions,
            doubts,
        })
    }

    fn run(&mut self, desk: &mut Desk, work: Work) {
        match work {
            Work::Continue => {}
            Work::Moved(sequence) => self.moved(desk, sequence),
            Work::Pushed(records) => self.pushed(desk, &records),
            Work::Pulled(response) => self.pulled(desk, &response),
            Work::PullFailed(error) => self.pull_failed(desk, &error),
            Work::AckFailed(error) => self.ack_failed(desk, &error),
            Work::Outcome {
                counter,
                outcome,
                digest_prefix,
            } => self.outcome(desk, counter, &outcome, digest_prefix),
            Work::Outcomes(response) => self.outcomes(desk, &response),
            Work::OutcomesFailed(error) => self.outcomes_failed(desk, &error),
            Work::Accepted(counter) => self.accepted(desk, counter),
            Work::SubmitFailed(counter, error) => self.submit_failed(desk, counter, &error),
            Work::Claimed(claim, response) => self.claimed(desk, claim, &response),
            Work::ClaimFailed(claim, error) => self.claim_failed(desk, claim, &error),
            Work::Text(text) => self.queue(desk, text),
            Work::TakeBack(ticket) => self.take_back(desk, ticket),
            Work::Answer(accept) => self.wish_answer(accept),
            Work::NameChecked(name) => self.name_checked(desk, name),
            Work::MergeInto(winner) => self.merge_into(desk, winner),
        }
    }

    /// Puts what changed into the unit of work.
    pub(crate) fn flush(&mut self, desk: &mut Desk) {
        self.flush_group(desk);
        self.learn_root();
        self.row.busy = self.is_busy();
        let row = encode(&self.row);
        if *row != self.stored {
            self.stored = row.to_vec();
            desk.unit
                .set(RowKey::named(Table::Conversation, self.id), row);
        }
    }

    fn flush_group(&mut self, desk: &mut Desk) {
        let Some(group) = self.body.as_mut().and_then(|body| body.group.as_mut()) else {
            return;
        };
        for change in group.take_changes() {
            let key = RowKey {
                name: change.key,
                ..RowKey::within(self.id, Table::Group, 0)
            };
            match change.value {
                Some(value) => desk.unit.set(key, value),
                None => desk.unit.delete(key),
            }
        }
    }

    fn learn_root(&mut self) {
        let group = self.body.as_ref().and_then(|body| body.group.as_ref());
        if let (None, Some(group)) = (self.row.peer_root, group) {
            self.row.peer_root = group.root_of(&self.row.peer).map(Into::into);
        }
    }

    pub(crate) fn peer_root(&self) -> Option<PublicKey> {
        self.row.peer_root.map(row::RootKey::key)
    }

    /// Whether something can come that this device takes in.
    pub(crate) const fn may_receive(&self) -> bool {
        let live = matches!(
            self.row.phase,
            Phase::Asked | Phase::Invited | Phase::Open | Phase::Merged(_)
        );
        live && self.row.receives()
    }

    pub(crate) const fn is_loaded(&self) -> bool {
        self.body.is_some()
    }

    /// Whether something may go on without anybody's doing: such conversations are loaded first.
    fn is_busy(&self) -> bool {
        let open = |body: &Body| {
            !body.outbox.is_empty() || !body.submissions.is_empty() || !body.doubts.is_empty()
        };
        self.row.phase.is_passing()
            || self.row.request.is_some()
            || self.row.answer.is_some()
            || self.body.as_ref().is_some_and(open)
    }

    /// A new socket, or none: what was open on the old one is unknown.
    pub(crate) fn disconnected(&mut self) {
        let mut outcomes = Outcomes::Unknown;
        if let Some(body) = &mut self.body {
            for submission in body.submissions.values_mut() {
                submission.forget_socket();
            }
            if body.submissions.is_empty() && body.doubts.is_empty() {
                outcomes = Outcomes::Known;
            }
        }
        self.live = Live {
            outcomes,
            head: self.live.head,
            ..Live::default()
        };
    }

    /// Nothing would happen here unless somebody acts.
    pub(crate) fn is_settled(&self, desk: &Desk) -> bool {
        let Some(body) = &self.body else {
            let idle = self.waiting.is_empty() && !self.row.busy;
            return idle || self.row.suspension.is_some();
        };
        let pulling = self.live.pull_open.is_some()
            || self.live.outcomes == Outcomes::Asked
            || self.expects_first_text();
        let suspended = self.row.suspension.is_some();
        let idle = body.submissions.is_empty()
            && !self.row.phase.is_passing_by_itself()
            && self.row.request.is_none()
            && self.row.answer.is_none()
            && !self.has_next(desk);
        !pulling && (suspended || idle)
    }

    pub(crate) fn suspend(&mut self, desk: &mut Desk, why: Suspension) {
        if self.row.suspension.is_none() {
            self.row.suspension = Some(why);
            desk.event(Event::Suspended {
                conversation: self.id,
                why,
            });
        }
    }
}
