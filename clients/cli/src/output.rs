//! What is printed: sentences for people, one JSON object a line for scripts.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is where a command speaks"
)]

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;
use serde_json::json;
use xchat_sdk::{AccountId, Message};

use crate::{failure::Failure, text};

#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
}

/// One message as scripts see it; the fields are documented in README.md.
#[derive(Debug, Serialize)]
struct MessageObject {
    conversation: String,
    sequence: u64,
    sender: String,
    sender_name: Option<String>,
    own: bool,
    text: Option<String>,
    accepted_at: u64,
    message_id: Option<String>,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether progress may be drawn.
    pub(crate) fn is_lively(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Prints the sentence or the object, whichever was asked for.
    pub(crate) fn say(&self, sentence: impl AsRef<str>, object: &impl Serialize) {
        if self.json {
            self.object(object);
        } else {
            self.line(sentence);
        }
    }

    /// A line for people only.
    pub(crate) fn line(&self, line: impl AsRef<str>) {
        if !self.json {
            println!("{}", line.as_ref());
            // A pipe that was closed ends the program at its next read or at its end.
            let _ = std::io::stdout().flush();
        }
    }

    /// An object for scripts only.
    pub(crate) fn object(&self, object: &impl Serialize) {
        if self.json
            && let Ok(line) = serde_json::to_string(object)
        {
            println!("{line}");
            let _ = std::io::stdout().flush();
        }
    }

    pub(crate) fn warn(&self, reason: &str, sentence: &str) {
        if self.json {
            eprintln!(
                "{}",
                json!({ "warning": { "reason": reason, "message": sentence } })
            );
        } else {
            eprintln!("warning[{reason}]: {sentence}");
        }
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let Failure {
            reason,
            message,
            next,
            exit,
        } = failure;
        if self.json {
            let error = json!({ "reason": reason, "message": message, "next": next, "exit": exit });
            eprintln!("{}", json!({ "error": error }));
        } else {
            eprintln!("error[{reason}]: {message}.\nnext: {next}.");
        }
    }

    /// One message of a conversation with a peer.
    pub(crate) fn message(&self, message: &Message, own: AccountId, own_name: &str, peer: &str) {
        let row = &message.row;
        let is_own = row.sender == own;
        let name = if is_own { own_name } else { peer };
        let said = row.text();
        if self.json {
            self.object(&MessageObject {
                conversation: message.conversation.to_hex(),
                sequence: row.sequence.0,
                sender: row.sender.to_string(),
                sender_name: Some(name.to_owned()),
                own: is_own,
                text: said,
                accepted_at: row.accepted_at.0,
                message_id: row
                    .message_id(&message.conversation)
                    .map(|id| text::hex(id.as_bytes())),
            });
            return;
        }
        let said = said.unwrap_or_else(|| "(a message this version can't show)".to_owned());
        let name = text::safe(name, false);
        let mut lines = text::safe(&said, true);
        // Further lines stand below the first, so that nobody can fake a line of somebody else.
        lines = lines.replace('\n', "\n                   | ");
        self.line(format!(
            "{}  {name}: {lines}",
            text::moment(row.accepted_at.0)
        ));
    }
}
