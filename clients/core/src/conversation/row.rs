//! Where a conversation stands, in one row of the device's scope.

use serde::{Deserialize, Serialize};
use xchat_crypto::PublicKey;
use xchat_mls::{ControlState, Suite, judge};
use xchat_types::{
    AccountId, ClaimId, ConversationId, Counter, HeadHash, Incarnation, JudgeVersion, Sequence,
};

use crate::{
    event::Suspension,
    row::{HistoryRow, RowError, blob, decode},
};

/// How far two accounts have come with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Key packages of the peer are being claimed; the server knows nothing of the conversation.
    Claiming,
    /// Genesis and invitation are submitted.
    Inviting,
    /// The peer is invited; one text may go, the rest waits for its consent.
    Asked,
    /// The peer asks; this account has not answered.
    Invited,
    Open,
    /// This account declined.
    Declined,
    /// The peer declined.
    DeclinedByPeer,
    PeerLeft,
    /// Both had asked: the conversation goes on in the other one.
    Merged(ConversationId),
    /// It never came to be.
    Closed,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claiming => "claiming",
            Self::Inviting => "inviting",
            Self::Asked => "asked",
            Self::Invited => "invited",
            Self::Open => "open",
            Self::Declined => "declined",
            Self::DeclinedByPeer => "declined_by_peer",
            Self::PeerLeft => "peer_left",
            Self::Merged(_) => "merged",
            Self::Closed => "closed",
        }
    }

    /// On its way to another phase.
    pub(crate) const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Claiming | Self::Inviting | Self::Asked | Self::Invited
        )
    }

    /// On its way without anybody's doing.
    pub(crate) const fn is_passing_by_itself(self) -> bool {
        matches!(self, Self::Claiming | Self::Inviting)
    }

    /// Asked for by this account and not answered.
    pub(crate) const fn is_own_request(self) -> bool {
        matches!(self, Self::Claiming | Self::Inviting | Self::Asked)
    }
}

/// A root public key as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RootKey(#[serde(with = "blob")] [u8; 32]);

impl RootKey {
    pub(crate) const fn key(self) -> PublicKey {
        PublicKey::new(self.0)
    }
}

impl From<PublicKey> for RootKey {
    fn from(key: PublicKey) -> Self {
        Self(*key.as_bytes())
    }
}

/// Where a device comes into a conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) incarnation: Incarnation,
    pub(crate) suite: Suite,
    /// Of the commit that adds it, and the chain there.
    pub(crate) sequence: Sequence,
    pub(crate) head_hash: HeadHash,
    pub(crate) control: &'a ControlState,
    pub(crate) judge: JudgeVersion,
}

/// Stored with every step. About 400 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConversationRow {
    pub(crate) incarnation: Incarnation,
    /// Number of the suite.
    pub(crate) suite: u8,
    pub(crate) peer: AccountId,
    /// Its root key, from its leaf: what the safety number is made of.
    pub(crate) peer_root: Option<RootKey>,
    /// Its name, after a forward lookup gave the account.
    pub(crate) peer_name: Option<String>,
    pub(crate) phase: Phase,
    /// Whether this account asked.
    pub(crate) own: bool,
    /// Whether the first text of the own request has its place in the log.
    pub(crate) first_sent: bool,
    /// Reused in every retry of the claim.
    pub(crate) claim: Option<ClaimId>,
    /// What this account wants to answer, until it is submitted.
    pub(crate) answer: Option<bool>,
    /// A request's first text whose sender's name is still being looked up.
    pub(crate) request: Option<HistoryRow>,
    /// Highest sequence applied, and the chain there; `None` after a rollback.
    pub(crate) cursor: Sequence,
    pub(crate) head_hash: Option<HeadHash>,
    /// Where this device came in: its first sequence is one above.
    pub(crate) joined: Sequence,
    #[serde(with = "blob")]
    control: Vec<u8>,
    pub(crate) judge: JudgeVersion,
    pub(crate) last_counter: Counter,
    /// Number of the last text put into the outbox.
    pub(crate) last_text: u64,
    /// Own messages since the last own commit.
    pub(crate) since_commit: u64,
    pub(crate) suspension: Option<Suspension>,
    /// Whether to load it when the engine is opened.
    pub(crate) busy: bool,
}

impl ConversationRow {
    /// A request of this account's own.
    pub(crate) fn asking(peer: AccountId, peer_name: Option<String>, claim: ClaimId) -> Self {
        Self {
            incarnation: Incarnation(0),
            suite: Suite::Hybrid.number(),
            peer,
            peer_root: None,
            peer_name,
            phase: Phase::Claiming,
            own: true,
            first_sent: false,
            claim: Some(claim),
            answer: None,
            request: None,
            cursor: Sequence(0),
            head_hash: None,
            joined: Sequence(0),
            control: ControlState::default().to_bytes(),
            judge: judge::CURRENT,
            last_counter: Counter(0),
            last_text: 0,
            since_commit: 0,
            suspension: None,
            busy: true,
        }
    }

    /// A request of the peer.
    pub(crate) fn invited(entry: &Entry<'_>, peer: AccountId, peer_name: Option<String>) -> Self {
        Self {
            incarnation: entry.incarnation,
            suite: entry.suite.number(),
            peer,
            peer_root: None,
            peer_name,
            phase: Phase::Invited,
            own: false,
            first_sent: false,
            claim: None,
            answer: None,
            request: None,
            cursor: entry.sequence,
            head_hash: Some(entry.head_hash),
            joined: entry.sequence,
            control: entry.control.to_bytes(),
            judge: entry.judge,
            last_counter: Counter(0),
            last_text: 0,
            since_commit: 0,
            suspension: None,
            busy: true,
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        let row: Self = decode("conversation", bytes)?;
        ControlState::from_bytes(&row.control).map_err(|_| RowError("conversation"))?;
        Ok(row)
    }

    /// Checked when the row was read.
    pub(crate) fn control(&self) -> ControlState {
        ControlState::from_bytes(&self.control).unwrap_or_default()
    }

    pub(crate) fn set_control(&mut self, control: &ControlState) {
        self.control = control.to_bytes();
    }

    /// Whether what comes is applied.
    pub(crate) const fn receives(&self) -> bool {
        !matches!(
            self.suspension,
            Some(Suspension::Untrusted | Suspension::UpdateNeeded | Suspension::NotMember)
        )
    }
}
