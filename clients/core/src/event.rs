//! What the engine tells. An event comes out only after what it tells is stored.

use xchat_crypto::safety::SafetyNumber;
use xchat_proto::common::Reason;
use xchat_types::{AccountId, ConversationId, Millis, RefuseReason, Sequence};

use crate::{
    command::{Recipient, Ticket},
    row::HistoryRow,
};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Connection(Connection),
    /// Online, everything pulled and answered: nothing changes any more unless somebody acts.
    Settled,

    Registered {
        account: AccountId,
        username: Option<String>,
    },
    RegistrationRefused {
        reason: Reason,
        message: String,
    },
    UsernameSet {
        username: String,
    },
    UsernameRefused {
        username: String,
        reason: Reason,
    },

    /// A send was stored. `held` says why it does not go at once.
    Queued {
        ticket: Ticket,
        conversation: Option<ConversationId>,
        held: Option<Held>,
    },
    Sent {
        ticket: Ticket,
        conversation: ConversationId,
        sequence: Sequence,
        accepted_at: Millis,
    },
    /// Given back: nobody else keeps it. Told again by every later process until
    /// [`crate::Command::NotSentTold`].
    NotSent {
        ticket: Ticket,
        conversation: Option<ConversationId>,
        /// The name it was meant for, if one is known.
        to: Option<String>,
        text: String,
        reason: NotSent,
    },
    TakenBack {
        ticket: Ticket,
    },
    /// Too late: the text is submitted, or has its outcome.
    NotTakenBack {
        ticket: Ticket,
    },

    MessageReceived {
        conversation: ConversationId,
        peer: AccountId,
        /// The peer's name, if a forward lookup gave the account.
        name: Option<String>,
        message: HistoryRow,
    },
    RequestReceived {
        conversation: ConversationId,
        account: AccountId,
        name: Option<String>,
        message: HistoryRow,
    },
    /// The peer accepted this account's request.
    RequestAccepted {
        conversation: ConversationId,
        account: AccountId,
    },
    RequestDeclined {
        conversation: ConversationId,
        account: AccountId,
    },
    /// This account's own answer is in the conversation.
    Accepted {
        conversation: ConversationId,
        account: AccountId,
    },
    Declined {
        conversation: ConversationId,
        account: AccountId,
    },
    PeerLeft {
        conversation: ConversationId,
        account: AccountId,
    },
    /// Both sides had asked: `into` goes on, what is in `merged` is shown with it.
    RequestsCrossed {
        merged: ConversationId,
        into: ConversationId,
    },

    Resolved {
        name: String,
        account: AccountId,
    },
    NameUnknown {
        name: String,
    },
    SafetyNumber {
        account: AccountId,
        number: SafetyNumber,
        verified: bool,
    },
    Verified {
        account: AccountId,
        verified: bool,
    },
    /// A command named somebody with whom there is no conversation, or no open request.
    PeerUnknown {
        peer: Recipient,
    },

    Security {
        conversation: Option<ConversationId>,
        event: SecurityEvent,
    },
    /// Nothing more is sent in the conversation, and where the cause is in what was received,
    /// nothing more is applied.
    Suspended {
        conversation: ConversationId,
        why: Suspension,
    },
    Warning(Warning),
    /// The server refused a request for a reason that no state of the engine explains.
    ServerRefused {
        request: &'static str,
        reason: Reason,
        message: String,
    },
}

/// How far the engine is with its server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    #[default]
    Offline,
    /// Hello was sent.
    Greeting,
    /// Online, but this profile has no account yet.
    Unregistered,
    LoggingIn,
    /// Logged in; marks and welcomes are being read.
    Syncing,
    Ready,
}

/// Why a text does not go at once. It goes by itself when the cause is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Offline,
    /// The name is looked up at the next connection.
    NameUnresolved,
    /// The peer has not accepted yet; the first text is with them.
    RequestOpen,
    /// The device's clock is more than 12 hours off.
    Clock,
    Suspended,
    /// The server refused it in a repetition and may have taken it before: the next text of the
    /// conversation shows which it is.
    InDoubt,
}

/// Why a text was not sent and will not be. Stored by its variants' names: none is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum NotSent {
    Empty,
    TooLarge,
    /// The first text of a request is limited to 4 KiB.
    TooLargeForRequest,
    UsernameUnknown,
    UsernameInvalid,
    AccountUnknown,
    /// The account has no device that can be reached.
    Unreachable,
    Blocked,
    ToYourself,
    ConversationUnknown,
    RequestDeclined,
    PeerLeft,
    NotRegistered,
    /// The fold could not read the record.
    Parked,
    Refused(RefuseReason),
    ServerRefused(#[serde(with = "by_number")] Reason),
}

/// A reason as its number in the proto file; a later version's is read as none.
mod by_number {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use xchat_proto::common::Reason;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(reason: &Reason, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i32((*reason).into())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Reason, D::Error> {
        let number = i32::deserialize(from)?;
        Ok(Reason::try_from(number).unwrap_or(Reason::Unspecified))
    }
}

impl NotSent {
    /// Stable name for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge => "too_large",
            Self::TooLargeForRequest => "too_large_for_request",
            Self::UsernameUnknown => "username_unknown",
            Self::UsernameInvalid => "username_invalid",
            Self::AccountUnknown => "account_unknown",
            Self::Unreachable => "no_key_packages",
            Self::Blocked => "blocked",
            Self::ToYourself => "to_yourself",
            Self::ConversationUnknown => "conversation_unknown",
            Self::RequestDeclined => "request_declined",
            Self::PeerLeft => "peer_left",
            Self::NotRegistered => "not_registered",
            Self::Parked => "parked",
            Self::Refused(reason) => reason.name(),
            Self::ServerRefused(_) => "server_refused",
        }
    }
}

impl Held {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::NameUnresolved => "name_unresolved",
            Self::RequestOpen => "request_open",
            Self::Clock => "clock_skew",
            Self::Suspended => "suspended",
            Self::InDoubt => "in_doubt",
        }
    }
}

/// What a server or another member did that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// The head hash does not follow from the record: something was altered, left out or told
    /// differently.
    HeadHash { sequence: Sequence },
    /// Header and payload do not give the digest.
    Digest { sequence: Sequence },
    /// Records are missing that the server does not give.
    Gap { expected: Sequence, got: Sequence },
    /// The header names another sender than MLS, or another envelope.
    Sender { sequence: Sequence },
    /// One message cannot be read; the conversation goes on.
    Undecryptable { sequence: Sequence },
    /// The server applied a commit or control record that the judge refuses.
    Refused { sequence: Sequence },
    /// A commit that the judge accepts cannot be applied on this device.
    CannotApply { sequence: Sequence },
    /// A record that must be there came without its payload.
    Withheld { sequence: Sequence },
    /// The server says that this device sent something that it did not.
    NotOurs { sequence: Sequence },
    /// The server parked a record that it could not read.
    Parked { sequence: Sequence },
    /// A welcome cannot be opened, or does not fit what came with it.
    Welcome,
    /// A group in which others are than those that it names.
    Members,
    /// A key package that was claimed for an account is of another, or not valid.
    KeyPackage,
    /// The server delivers a conversation to this device of which the store knows nothing: another
    /// copy of the profile has taken its welcome.
    UnknownConversation,
    /// A retry of a claim, a login or a lookup was answered for another account.
    Answer,
}

impl SecurityEvent {
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeadHash { .. } => "head_hash",
            Self::Digest { .. } => "digest",
            Self::Gap { .. } => "gap",
            Self::Sender { .. } => "sender",
            Self::Undecryptable { .. } => "undecryptable",
            Self::Refused { .. } => "judge_refused",
            Self::CannotApply { .. } => "cannot_apply",
            Self::Withheld { .. } => "withheld",
            Self::NotOurs { .. } => "not_ours",
            Self::Parked { .. } => "parked",
            Self::Welcome => "welcome",
            Self::Members => "members",
            Self::KeyPackage => "key_package",
            Self::UnknownConversation => "unknown_conversation",
            Self::Answer => "answer",
        }
    }
}

/// Why a conversation stands still. Stored with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Suspension {
    /// Another store holds this device's keys: a counter was used twice.
    CounterConflict,
    /// The server knows less than this device acknowledged.
    RolledBack { cursor: Sequence, head: Sequence },
    /// The conversation's rules are newer than this program.
    UpdateNeeded,
    /// What was received does not hold; the security event before says how.
    Untrusted,
    /// This device is no longer a member.
    NotMember,
    /// Its stored rows cannot be read.
    Damaged,
}

impl Suspension {
    pub const fn name(self) -> &'static str {
        match self {
            Self::CounterConflict => "counter_conflict",
            Self::RolledBack { .. } => "rolled_back",
            Self::UpdateNeeded => "update_needed",
            Self::Untrusted => "untrusted",
            Self::NotMember => "not_member",
            Self::Damaged => "damaged",
        }
    }
}

/// What a person should know, and what goes on regardless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Device time minus server time in milliseconds, more than five minutes.
    ClockOff { milliseconds: i64 },
    /// More than twelve hours: no commit is applied and nothing is submitted.
    ClockStopped { milliseconds: i64 },
    /// The server of this socket is not the one of the profile.
    OtherServer,
    /// Another process with this device's keys has connected: a copy of the profile. This one does
    /// not come back by itself.
    Replaced,
    /// The server speaks another API version.
    ServerVersion { server: u32, client: u32 },
}
