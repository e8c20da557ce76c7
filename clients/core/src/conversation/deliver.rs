//! Applying what the log decided, one record after another.

use xchat_crypto::envelope;
use xchat_mls::{
    ApplicationBytes, CommitBundle, JudgeError,
    group::{Applied, ApplyError, DecryptError, Decrypted},
    judge::Case,
};
use xchat_proto::{ConvertError, client::DeliveredRecord};
use xchat_types::{Header, RecordKind, Sequence};

use super::{Conversation, Record, chain::Stop, record::Content};
use crate::{
    desk::Desk,
    event::{SecurityEvent, Suspension},
    row::HistoryRow,
};

/// Why one message is not shown.
type Unreadable = fn(Sequence) -> SecurityEvent;

impl Conversation {
    /// Records that the server pushed. One that is not the next means: pull.
    pub(super) fn pushed(&mut self, desk: &mut Desk, records: &[DeliveredRecord]) {
        let next = self.row.cursor.next();
        let first = records.iter().find(|record| record.sequence >= next.0);
        match first {
            None => self.acknowledge(desk),
            Some(record) if record.sequence > next.0 => {
                self.live.owed = self.live.owed.max(Some(Sequence(record.sequence)));
                self.live.head = self.live.head.max(Sequence(record.sequence));
                self.pull(desk);
            }
            Some(_) => self.deliver(desk, records),
        }
    }

    /// Applies records in order, then acknowledges: the ack comes out only after all of it is
    /// stored.
    pub(super) fn deliver(&mut self, desk: &mut Desk, records: &[DeliveredRecord]) {
        let before = self.row.cursor;
        for record in records {
            if !self.row.receives() {
                break;
            }
            if record.sequence <= self.row.cursor.0 {
                continue;
            }
            if let Err(stop) = self.step(desk, record) {
                self.stop(desk, stop);
                break;
            }
        }
        if self.row.cursor > before {
            self.acknowledge(desk);
            if self.live.retry_warned.is_none() {
                // What was waited for may be here.
                self.live.retry_at = None;
            }
        }
    }

    fn step(&mut self, desk: &mut Desk, record: &DeliveredRecord) -> Result<(), Stop> {
        let expected = self.row.cursor.next();
        let got = Sequence(record.sequence);
        if got != expected {
            return Err(Stop::Untrusted(SecurityEvent::Gap { expected, got }));
        }
        let record = Record::try_from(record).map_err(|error| match error {
            // A kind, or a reason to withhold, of a later version.
            ConvertError::Unknown(_) => Stop::Suspend(Suspension::UpdateNeeded),
            ConvertError::Missing(_) | ConvertError::Id { .. } => {
                Stop::Untrusted(SecurityEvent::Digest { sequence: got })
            }
        })?;
        let applied = self.apply(desk, &record);
        if applied.is_err() {
            self.revert(desk);
            return applied;
        }
        self.row.cursor = record.sequence;
        self.row.head_hash = Some(record.head_hash);
        self.live.head = self.live.head.max(record.sequence);
        self.live.owed = self.live.owed.filter(|owed| *owed > record.sequence);
        self.flush_group(desk);
        Ok(())
    }

    /// Undoes what the group did since the last record.
    pub(super) fn revert(&mut self, desk: &mut Desk) {
        let group = self.body.as_mut().and_then(|body| body.group.as_mut());
        if group.is_some_and(|group| group.revert().is_err()) {
            self.suspend(desk, Suspension::Untrusted);
        }
    }

    fn stop(&mut self, desk: &mut Desk, stop: Stop) {
        match stop {
            Stop::Untrusted(event) => {
                desk.security(Some(self.id), event);
                self.suspend(desk, Suspension::Untrusted);
            }
            Stop::Suspend(why) => self.suspend(desk, why),
            Stop::Clock => {}
        }
    }

    fn apply(&mut self, desk: &mut Desk, record: &Record) -> Result<(), Stop> {
        let sequence = record.sequence;
        if record.content == Content::Parked {
            return self.apply_parked(desk, record);
        }
        let untrusted = |event| Err(Stop::Untrusted(event));
        let Some(header) = record.header else {
            return untrusted(SecurityEvent::Digest { sequence });
        };
        if header.conversation != self.id {
            return untrusted(SecurityEvent::Sender { sequence });
        }
        if header.incarnation != self.row.incarnation {
            return Err(Stop::Suspend(Suspension::UpdateNeeded));
        }
        if desk
            .device()
            .is_some_and(|device| device.id() == header.sender)
        {
            return self.apply_own(desk, record, &header);
        }
        match &record.content {
            Content::Payload(payload) => {
                if envelope::digest(&header, payload) != record.digest {
                    return untrusted(SecurityEvent::Digest { sequence });
                }
                self.apply_payload(desk, record, &header, payload)
            }
            Content::Expired if header.kind == RecordKind::Application => {
                self.apply_expired(desk, record)
            }
            Content::Expired | Content::Own | Content::Parked => {
                untrusted(SecurityEvent::Withheld { sequence })
            }
        }
    }

    fn apply_payload(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        header: &Header,
        payload: &[u8],
    ) -> Result<(), Stop> {
        match header.kind {
            RecordKind::Application => self.apply_message(desk, record, header, payload),
            RecordKind::Control => self.apply_control(desk, record, header, payload),
            RecordKind::CommitBundle => self.apply_commit(desk, record, header, payload),
            // Only the creator's own stub shows a genesis: everybody else comes in after it.
            RecordKind::Genesis => Err(Stop::Untrusted(SecurityEvent::Refused {
                sequence: record.sequence,
            })),
        }
    }

    /// A message that its bucket has ended: the header and the chain stay.
    fn apply_expired(&mut self, desk: &mut Desk, record: &Record) -> Result<(), Stop> {
        self.check_chain(record, &self.row.control())?;
        let early = |end| end > desk.server_time();
        if record.bucket.is_none_or(|bucket| early(bucket.end())) {
            let sequence = record.sequence;
            desk.security(Some(self.id), SecurityEvent::Withheld { sequence });
        }
        Ok(())
    }

    /// The fold could not read the record, which took its sequence all the same.
    fn apply_parked(&mut self, desk: &mut Desk, record: &Record) -> Result<(), Stop> {
        self.check_chain(record, &self.row.control())?;
        if !self.park_own(desk, record) {
            let sequence = record.sequence;
            desk.security(Some(self.id), SecurityEvent::Parked { sequence });
        }
        Ok(())
    }

    fn apply_message(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        header: &Header,
        payload: &[u8],
    ) -> Result<(), Stop> {
        self.check_chain(record, &self.row.control())?;
        let sequence = record.sequence;
        match self.decrypt(header, payload) {
            Ok((sender, content)) => {
                let message = HistoryRow {
                    sequence,
                    sender: sender.account,
                    device: sender.device,
                    counter: header.counter,
                    accepted_at: record.accepted_at,
                    created_at: header.created_at,
                    ticket: None,
                    content,
                };
                self.received(desk, message);
            }
            Err(event) => {
                // One message is lost, the conversation goes on. Its key is not given up: the right
                // message may still come under it.
                self.revert(desk);
                desk.security(Some(self.id), event(sequence));
            }
        }
        Ok(())
    }

    fn decrypt(
        &mut self,
        header: &Header,
        payload: &[u8],
    ) -> Result<(Decrypted, Vec<u8>), Unreadable> {
        let undecryptable = |sequence| SecurityEvent::Undecryptable { sequence };
        let swapped = |sequence| SecurityEvent::Sender { sequence };
        let group = self.body.as_mut().and_then(|body| body.group.as_mut());
        let message = ApplicationBytes::from(payload.to_vec());
        let sender = group
            .ok_or(undecryptable as Unreadable)?
            .decrypt(header, &message)
            .map_err(|error| match error {
                DecryptError::Header => swapped as Unreadable,
                DecryptError::Malformed
                | DecryptError::CannotDecrypt
                | DecryptError::Credential(_) => undecryptable,
            })?;
        let content = xchat_crypto::padding::unpad(sender.plaintext.to_vec())
            .map_err(|_| undecryptable as Unreadable)?;
        Ok((sender, content))
    }

    fn apply_commit(
        &mut self,
        desk: &mut Desk,
        record: &Record,
        header: &Header,
        payload: &[u8],
    ) -> Result<(), Stop> {
        let applied = self.merge_commit(desk, record, header, payload)?;
        if applied.removed_self {
            self.suspend(desk, Suspension::NotMember);
        }
        Ok(())
    }

    /// Judges and applies a commit, an other's or the own one, and takes over its control state.
    pub(super) fn merge_commit(
        &mut self,
        desk: &Desk,
        record: &Record,
        header: &Header,
        payload: &[u8],
    ) -> Result<Applied, Stop> {
        if desk.link.clock_stops() {
            return Err(Stop::Clock);
        }
        let sequence = record.sequence;
        let refused = Stop::Untrusted(SecurityEvent::Refused { sequence });
        let bundle = CommitBundle::from_bytes(payload).map_err(|_| refused)?;
        let control = self.row.control();
        let case = Case {
            version: self.row.judge,
            header,
            control: &control,
            bundle: &bundle,
            appended_at: record.appended_at,
        };
        let group = self.body.as_mut().and_then(|body| body.group.as_mut());
        let cannot_apply = Stop::Untrusted(SecurityEvent::CannotApply { sequence });
        let applied = group.ok_or(cannot_apply)?.apply_commit(&case);
        let applied = applied.map_err(|error| match error {
            ApplyError::Judge(JudgeError::UnknownVersion(_)) => {
                Stop::Suspend(Suspension::UpdateNeeded)
            }
            ApplyError::Judge(JudgeError::Refused(_)) => refused,
            ApplyError::Judge(JudgeError::Corrupt(_)) | ApplyError::CannotApply => cannot_apply,
            ApplyError::OwnCommitLost => Stop::Suspend(Suspension::CounterConflict),
        })?;
        self.check_chain(record, &applied.effect.control)?;
        self.row.set_control(&applied.effect.control);
        Ok(applied)
    }
}
