//! `conversations`, kinds member and sender.

use bytes::Bytes;
use xchat_proto::{Message, convert, events};
use xchat_types::{Counter, Sequence};

use super::{Damaged, Row};
use crate::domain::{Member, Sender, member::Span};

impl From<&Span> for events::MemberSpan {
    fn from(span: &Span) -> Self {
        let number = |sequence: Option<Sequence>| sequence.map(|sequence| sequence.0);
        Self {
            joined_sequence: span.joined.0,
            left_sequence: number(span.left),
            accepted_sequence: number(span.accepted),
            request_sequence: number(span.request),
        }
    }
}

impl From<&events::MemberSpan> for Span {
    fn from(span: &events::MemberSpan) -> Self {
        Self {
            joined: Sequence(span.joined_sequence),
            left: span.left_sequence.map(Sequence),
            accepted: span.accepted_sequence.map(Sequence),
            request: span.request_sequence.map(Sequence),
        }
    }
}

impl From<&Member> for events::MemberRow {
    fn from(member: &Member) -> Self {
        Self {
            account_id: convert::id_bytes(&member.account),
            spans: member.spans.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<&events::MemberRow> for Member {
    type Error = Damaged;

    fn try_from(row: &events::MemberRow) -> Result<Self, Damaged> {
        Ok(Self {
            account: convert::id(&row.account_id, "account_id")?,
            spans: row.spans.iter().map(Into::into).collect(),
        })
    }
}

impl Row for Member {
    fn encode(&self) -> Bytes {
        events::MemberRow::from(self).encode_to_vec().into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        Self::try_from(&events::MemberRow::decode(bytes.clone())?)
    }
}

impl From<&Sender> for events::SenderRow {
    fn from(sender: &Sender) -> Self {
        Self {
            last_counter: sender.last.0,
            outcomes: sender.pack().into(),
        }
    }
}

impl TryFrom<&events::SenderRow> for Sender {
    type Error = Damaged;

    fn try_from(row: &events::SenderRow) -> Result<Self, Damaged> {
        Self::unpack(Counter(row.last_counter), &row.outcomes).ok_or(Damaged::Outcomes)
    }
}

impl Row for Sender {
    fn encode(&self) -> Bytes {
        events::SenderRow::from(self).encode_to_vec().into()
    }

    fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        Self::try_from(&events::SenderRow::decode(bytes.clone())?)
    }
}
