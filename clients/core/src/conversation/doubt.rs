//! Records that were refused in a repetition, while an earlier sending of them has no answer.
//!
//! The server may have taken such a record the first time. Its counter is free only if it did not,
//! and only the log can say so. Until it does, the record is kept here and what it was for is made
//! anew **under the same counter**: of two records with one counter the log takes the first, so
//! that nothing is sent twice and nothing is lost, whichever it was. A text that was refused for
//! good is not made anew; it is told of when another record has its counter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xchat_proto::common::Reason;
use xchat_types::{Counter, Digest};
use zeroize::Zeroizing;

use super::{Body, Conversation, Submission, submission::What};
use crate::{
    desk::Desk,
    event::NotSent,
    row::{RowError, RowKey, Table, blob, decode, encode},
};

/// By counter and digest: several records of one counter may be in doubt.
pub(super) type Doubts = BTreeMap<(Counter, Digest), Doubt>;

#[derive(Clone, Debug)]
pub(crate) struct Doubt {
    submission: Submission,
    /// Why the server refused it, where that is for good.
    refused: Option<Reason>,
    /// Of a text, the message as this record holds it.
    content: Vec<u8>,
}

/// As stored.
#[derive(Serialize, Deserialize)]
struct DoubtRow {
    #[serde(with = "blob")]
    submission: Vec<u8>,
    /// Number of the reason.
    refused: Option<i32>,
    #[serde(with = "blob")]
    content: Vec<u8>,
}

impl Doubt {
    #[cfg(test)]
    pub(crate) const fn new(
        submission: Submission,
        refused: Option<Reason>,
        content: Vec<u8>,
    ) -> Self {
        Self {
            submission,
            refused,
            content,
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        let row: DoubtRow = decode("doubt", bytes)?;
        let reason = |number| Reason::try_from(number).unwrap_or(Reason::Unspecified);
        Ok(Self {
            submission: Submission::from_bytes(&row.submission)?,
            refused: row.refused.map(reason),
            content: row.content,
        })
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode(&DoubtRow {
            submission: self.submission.to_bytes().to_vec(),
            refused: self.refused.map(Into::into),
            content: self.content.clone(),
        })
    }

    pub(super) fn key(&self) -> (Counter, Digest) {
        (self.submission.counter(), self.submission.digest())
    }

    fn is_of_text(&self, number: u64) -> bool {
        self.submission.what() == What::Text(number)
    }
}

impl Body {
    /// Whether a record that the log may hold carries the text.
    pub(super) fn is_in_doubt(&self, number: u64) -> bool {
        self.doubts.values().any(|doubt| doubt.is_of_text(number))
    }

    /// Whether the server has refused the text for good, though it may have taken it before.
    pub(super) fn is_refused_in_doubt(&self, number: u64) -> bool {
        let mut doubts = self.doubts.values();
        doubts.any(|doubt| doubt.refused.is_some() && doubt.is_of_text(number))
    }
}

impl Conversation {
    /// Whether a record of the counter is in doubt whose digest begins like this.
    pub(super) fn doubts(&self, counter: Counter, prefix: [u8; 8]) -> bool {
        let body = self.body.as_ref();
        let mut keys = body.into_iter().flat_map(|body| body.doubts.keys());
        keys.any(|(of, digest)| *of == counter && begins(digest, prefix))
    }

    /// The highest counter that this device may have used.
    pub(super) fn highest_counter(&self) -> Counter {
        let body = self.body.as_ref();
        let doubted = body.and_then(|body| body.doubts.keys().next_back());
        let doubted = doubted.map_or(Counter(0), |(counter, _)| *counter);
        doubted.max(self.row.last_counter)
    }

    /// Takes a record out of the submissions, and keeps it.
    pub(super) fn doubt(
        &mut self,
        desk: &mut Desk,
        submission: &Submission,
        refused: Option<Reason>,
    ) {
        self.forget_submission(desk, submission);
        let Some(body) = &mut self.body else { return };
        let text = match submission.what() {
            What::Text(number) => body.outbox.get(&number),
            What::Answer(accept) => {
                self.row.answer = Some(accept);
                None
            }
            What::Genesis | What::Commit => None,
        };
        let doubt = Doubt {
            submission: submission.clone(),
            refused,
            content: text.map(|text| text.content.clone()).unwrap_or_default(),
        };
        let key = doubt.key();
        desk.unit.set(row_key(self.id, key), doubt.to_bytes());
        body.doubts.insert(key, doubt);
    }

    /// The log has taken a record that was in doubt: it is a submission again, and what was made
    /// in its stead is made anew under another counter.
    pub(super) fn recall(&mut self, desk: &mut Desk, is: impl Fn(Counter, &Digest) -> bool) {
        let Some(body) = &mut self.body else { return };
        let mut keys = body.doubts.keys();
        let Some(key) = keys.find(|(counter, digest)| is(*counter, digest)).copied() else {
            return;
        };
        let Some(doubt) = body.doubts.remove(&key) else {
            return;
        };
        desk.unit.delete(row_key(self.id, key));
        let counter = key.0;
        if let Some(instead) = body.submissions.get(&counter).cloned() {
            self.mend(desk, &instead);
        }
        self.restore(desk, doubt);
        self.row.last_counter = self.row.last_counter.max(counter);
        self.settle_doubts(desk, counter);
    }

    fn restore(&mut self, desk: &mut Desk, doubt: Doubt) {
        let Doubt {
            mut submission,
            content,
            ..
        } = doubt;
        let Some(body) = &mut self.body else { return };
        match submission.what() {
            What::Text(number) => {
                if let Some(text) = body.outbox.get_mut(&number) {
                    text.content = content;
                    let text = text.clone();
                    self.store_text(desk, number, &text);
                }
            }
            What::Answer(_) => self.row.answer = None,
            What::Genesis | What::Commit => {}
        }
        submission.sent = true;
        submission.accepted_at = Some(desk.now);
        let counter = submission.counter();
        let key = RowKey::within(self.id, Table::Submission, counter.0);
        desk.unit.set(key, submission.to_bytes());
        if let Some(body) = &mut self.body {
            body.submissions.insert(counter, submission);
        }
    }

    /// The log has given a counter to the submission that bears it: what else bore it was never
    /// taken.
    pub(super) fn settle_doubts(&mut self, desk: &mut Desk, counter: Counter) {
        let Some(body) = &mut self.body else { return };
        let keys = body.doubts.keys().filter(|(of, _)| *of == counter);
        let keys: Vec<_> = keys.copied().collect();
        for key in keys {
            desk.unit.delete(row_key(self.id, key));
            let Some(body) = &mut self.body else { return };
            let doubt = body.doubts.remove(&key);
            let refused = doubt.and_then(|doubt| Some((doubt.submission.what(), doubt.refused?)));
            if let Some((What::Text(number), reason)) = refused
                && !body.is_submitted(number)
            {
                self.not_sent(desk, number, NotSent::ServerRefused(reason));
            }
        }
    }
}

pub(super) fn begins(digest: &Digest, prefix: [u8; 8]) -> bool {
    xchat_types::outcome::digest_prefix(digest) == prefix
}

fn row_key(id: xchat_types::ConversationId, (counter, digest): (Counter, Digest)) -> RowKey {
    RowKey {
        name: digest.as_bytes().to_vec(),
        ..RowKey::within(id, Table::Doubt, counter.0)
    }
}
