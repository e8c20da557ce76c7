//! What happens to the engine, and what it asks of its host.

use bytes::Bytes;
use xchat_crypto::PublicKey;
use xchat_types::{ConversationId, Millis};

use crate::{
    command::Command,
    event::Event,
    row::{Batch, BatchId, Row},
};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A fresh socket is open. The engine greets and logs in by itself.
    Connected,
    /// The socket is gone. What was sent on it may or may not have arrived.
    Disconnected,
    /// One binary WebSocket message: an encoded `ServerFrame`.
    Frame(Bytes),
    /// Answer to [`Output::Load`]: every row of the conversation's scope but its history.
    Loaded {
        conversation: ConversationId,
        rows: Vec<Row>,
    },
    /// This batch and all before it are durable.
    Persisted(BatchId),
    /// Answer to [`Output::SolveProof`]: the proof's canonical bytes.
    ProofSolved(Vec<u8>),
    /// The time asked for by [`Output::Timer`] has come, or any other time.
    Tick,
    Command(Command),
}

/// One thing to do. Outputs of one call are carried out in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Store this durably and in one transaction, then hand in [`Input::Persisted`]. What depends
    /// on it comes out only then. If it fails, the engine must be dropped: what is stored is whole.
    Persist(Batch),
    /// Send one binary WebSocket message: an encoded `ClientFrame`.
    Frame(Bytes),
    /// Read a conversation's rows, after all batches so far, and hand in [`Input::Loaded`].
    Load(ConversationId),
    /// Compute a sign-up proof, away from this thread, and hand in [`Input::ProofSolved`].
    SolveProof {
        challenge: Vec<u8>,
        root: PublicKey,
    },
    /// Hand in [`Input::Tick`] at this time of the device's clock; replaces the one before.
    Timer(Millis),
    /// Close the socket, hand in [`Input::Disconnected`], and connect again after this many
    /// milliseconds, or after the host's own pause.
    Close {
        reason: CloseReason,
        reconnect_after: Option<u64>,
    },
    Event(Event),
}

/// Why the engine wants the socket closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// A frame could not be read.
    BadFrame,
    /// A request stayed without an answer.
    Silence,
    /// The server said that it is about to close.
    GoingAway,
    /// The server is another than the profile's.
    OtherServer,
    /// No common API version.
    Version,
    /// Login was refused.
    LoginRefused,
    /// A request without which nothing goes on was refused.
    Refused,
    /// The session was not renewed: a fresh socket logs in by the device key.
    SessionEnded,
    /// This device's clock has moved since Hello.
    ClockMoved,
    /// Another process with this device's keys has connected.
    Replaced,
}

impl CloseReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::Silence => "silence",
            Self::GoingAway => "going_away",
            Self::OtherServer => "other_server",
            Self::Version => "unsupported_version",
            Self::LoginRefused => "login_refused",
            Self::Refused => "refused",
            Self::SessionEnded => "session_ended",
            Self::ClockMoved => "clock_moved",
            Self::Replaced => "replaced",
        }
    }

    /// Whether connecting again without a person's doing makes sense.
    pub const fn is_transient(self) -> bool {
        !matches!(
            self,
            Self::OtherServer | Self::Version | Self::LoginRefused | Self::Replaced
        )
    }
}
