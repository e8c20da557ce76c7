//! What a person or program asks the engine to do.

use serde::{Deserialize, Serialize};
use xchat_crypto::Phrase;
use xchat_types::{AccountId, ConversationId};

use crate::row::blob;

/// Names one send for ever: random, chosen by the host before it hands the command in, so that a
/// command handed in again after a crash sends nothing twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticket(#[serde(with = "blob")] pub [u8; 16]);

/// Whom a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A username, resolved by the server's word when it was not before.
    Name(String),
    Account(AccountId),
    Conversation(ConversationId),
}

/// One command. Everything it leads to is told by events.
#[derive(Clone, Debug)]
pub enum Command {
    /// Makes the keys of a new account and device, stores them and registers them as soon as the
    /// server is there. Once keys are stored, a repetition registers those again, with this name
    /// and invite; the phrase is then not looked at. The words are stored with the keys until
    /// [`Command::PhraseShown`].
    Register {
        phrase: Phrase,
        /// Whether the root key stays in the store; without it, actions that need it ask for the
        /// phrase.
        keep_root: bool,
        username: Option<String>,
        invite: Option<String>,
    },
    SetUsername {
        username: String,
    },
    Send {
        ticket: Ticket,
        to: Recipient,
        text: String,
    },
    /// The person was told of a text that came back: it is not told again.
    NotSentTold {
        ticket: Ticket,
    },
    /// The person has seen the words of the account: they are kept no longer.
    PhraseShown,
    /// Takes a text back that was not submitted yet.
    TakeBack {
        ticket: Ticket,
    },
    /// Answers an open request.
    Accept {
        peer: Recipient,
    },
    Decline {
        peer: Recipient,
    },
    /// Looks a username up and remembers the answer.
    Resolve {
        name: String,
    },
    SafetyNumber {
        peer: Recipient,
    },
    /// Remembers that a person compared the safety number of an account.
    SetVerified {
        account: AccountId,
        verified: bool,
    },
}
