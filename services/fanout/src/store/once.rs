//! Rows under a key that holds the sequence, the epoch or the reference: written once, invisible
//! until the head names them. Keys decide expiry; every TTL has an hour of slack or more.

use xchat_ports::message_store::{OnceRow, PayloadClass};
use xchat_types::{Bucket, BucketClass, ConversationId, Millis, limits::MAX_RETENTION_MS};

use crate::{
    domain::{Effects, effects::Envelope},
    rows::{Row, StoredWelcome},
};

const SLACK_MS: u64 = 3_600_000;
/// Headers outlive every payload: those of 30 days end up to an hour and two seconds later.
const HEADER_MS: u64 = MAX_RETENTION_MS + 24 * SLACK_MS;

/// The rows that a record's effects write once.
pub fn rows(conversation: ConversationId, effects: &Effects) -> Vec<OnceRow> {
    let mut rows = Vec::new();
    if let Some(envelope) = &effects.envelope {
        if let Some(state) = &effects.group_state {
            rows.push(OnceRow::GroupState {
                conversation,
                incarnation: state.incarnation,
                epoch: state.epoch,
                value: state.form.encode(),
            });
        }
        rows.extend(welcomes(conversation, effects, envelope.appended_at));
        if let Some(payload) = &effects.payload {
            rows.push(OnceRow::Payload {
                conversation,
                sequence: envelope.sequence,
                class: class(envelope.bucket),
                value: payload.clone(),
                expires_at: payload_expires_at(envelope),
            });
        }
        rows.push(OnceRow::Envelope {
            conversation,
            sequence: envelope.sequence,
            value: envelope.to_row(),
            expires_at: envelope.appended_at.saturating_add(HEADER_MS),
        });
    }
    rows
}

fn welcomes(
    conversation: ConversationId,
    effects: &Effects,
    appended_at: Millis,
) -> impl Iterator<Item = OnceRow> {
    effects
        .welcomes
        .iter()
        .map(move |invitation| OnceRow::Welcome {
            device: invitation.device,
            reference: invitation.reference,
            value: StoredWelcome {
                conversation,
                invitation: invitation.clone(),
            }
            .to_row(),
            expires_at: appended_at.saturating_add(MAX_RETENTION_MS + SLACK_MS),
        })
}

/// Handshakes and control records have no bucket and live as long as the longest one.
fn class(bucket: Option<Bucket>) -> PayloadClass {
    match bucket.map(|bucket| bucket.class) {
        Some(BucketClass::TenSeconds) => PayloadClass::Hour,
        Some(BucketClass::FiveMinutes) => PayloadClass::Day,
        Some(BucketClass::OneHour) | None => PayloadClass::Month,
    }
}

fn payload_expires_at(envelope: &Envelope) -> Millis {
    let end = envelope.bucket.map_or_else(
        || envelope.appended_at.saturating_add(MAX_RETENTION_MS),
        Bucket::end,
    );
    end.saturating_add(SLACK_MS)
}
