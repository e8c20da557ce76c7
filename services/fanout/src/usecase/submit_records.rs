//! Records become durable.

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::task::spawn_blocking;
use xchat_crypto::{SignedControl, derive};
use xchat_mls::{CommitBundle, Genesis, JudgeError, Refusal, Snapshot};
use xchat_ports::{
    TraceContext,
    event_log::{Append, Appended},
    message_store::RowKey,
};
use xchat_runtime::{ServiceError as _, Span, meter::Label as _, trace::Side};
use xchat_types::{ConversationId, Millis, RecordKind};

use super::Fanout;
use crate::{
    Error,
    domain::{
        Record,
        conversation::is_current,
        decide::{judge_commit, judge_first},
        recent::Judged,
        record::Undecodable,
    },
    metrics::metrics,
    store::View,
};

/// One record from a gateway.
#[derive(Clone, Debug)]
pub struct Submission {
    pub conversation: ConversationId,
    /// As the log will hold it.
    pub record: Bytes,
    /// Of its trace, until it is durable.
    pub span: Span,
}

impl Fanout {
    /// Checks each record and appends those that pass, in one call of the log and in their order.
    /// `Ok` means durable.
    pub async fn submit(&self, batch: Vec<Submission>) -> Vec<Result<Appended, Error>> {
        let checks = batch
            .iter()
            .map(|submission| submission.span.scope(self.check(submission)));
        let checked = join_all(checks).await;
        let (mut appends, mut appending) = (Vec::new(), Vec::new());
        for (submission, check) in batch.into_iter().zip(&checked) {
            match check {
                Ok(()) => {
                    let span = submission.span.child("fanout.append", Side::Producer);
                    appends.push(self.append(&submission, span.context()));
                    appending.push([submission.span, span]);
                }
                Err(refused) => submission.span.fail(refused.reason().value()),
            }
        }
        let mut appended = if appends.is_empty() {
            Vec::new().into_iter()
        } else {
            self.log.append(appends).await.into_iter()
        };
        let mut appended = appended.by_ref().zip(appending);
        let answers: Vec<Result<Appended, Error>> = checked
            .into_iter()
            .map(|check| {
                check?;
                let next = appended.next();
                let (appended, spans) = next.ok_or(Error::Missing("the log's answer"))?;
                appended.map_err(Error::from).inspect_err(|failed| {
                    let reason = failed.reason().value();
                    for span in &spans {
                        span.fail(reason);
                    }
                })
            })
            .collect();
        let durable = answers.iter().filter(|answer| answer.is_ok());
        metrics().appended.add(durable.count(), ());
        answers
    }

    fn append(&self, submission: &Submission, trace: Option<TraceContext>) -> Append {
        let partitions = self.log.partitions();
        Append {
            partition: derive::partition(&self.partition_key, &submission.conversation, partitions),
            conversation: submission.conversation,
            record: submission.record.clone(),
            trace,
        }
    }

    async fn check(&self, submission: &Submission) -> Result<(), Error> {
        let id = submission.conversation;
        let record = Record::decode(&id, &submission.record)?;
        self.lag.check(derive::partition(
            &self.partition_key,
            &id,
            self.log.partitions(),
        ))?;
        let sender = record.header.sender;
        let keys = [RowKey::Member(sender), RowKey::Sender(sender)];
        let view = self.conversations.view(id, &keys).await?;
        check_member(&view, &record)?;
        if record.header.kind == RecordKind::Application {
            return Ok(());
        }
        let group = self.current_group(id, &view, &record).await?;
        let now = self.clock.now();
        spawn_blocking(move || check_signature(&record, group, now))
            .await
            .map_err(|_| Error::Stopped)?
    }

    /// The group that a handshake or control record is signed in, if it is for the current epoch;
    /// what is stale is refused by the fold, with its outcome.
    async fn current_group(
        &self,
        id: ConversationId,
        view: &View,
        record: &Record,
    ) -> Result<Option<(Snapshot, Judged)>, Error> {
        let group = view.head.as_ref().and_then(|head| head.group.as_ref());
        let Some(group) = group else { return Ok(None) };
        let meant = match record.header.kind {
            RecordKind::CommitBundle => is_current(group, record),
            RecordKind::Control => group.incarnation == record.header.incarnation,
            RecordKind::Genesis | RecordKind::Application => false,
        };
        if !meant {
            return Ok(None);
        }
        let snapshot = self
            .conversations
            .group(id, group.incarnation, group.epoch)
            .await?;
        Ok(Some((snapshot, Judged::of(group))))
    }
}

/// A refusal is never from a cache; an unknown conversation is let through, for its genesis may be
/// in the log; so is a counter that was seen, whose outcome the fold tells again.
fn check_member(view: &View, record: &Record) -> Result<(), Error> {
    let known = view.head.as_ref().is_some_and(|head| head.group.is_some());
    let sender = &record.header.sender;
    let active = view
        .members
        .get(sender)
        .is_some_and(|member| member.active().is_some());
    let seen = view
        .senders
        .get(sender)
        .is_some_and(|row| record.header.counter <= row.last);
    if known && !active && !seen {
        return Err(Error::NotMember);
    }
    Ok(())
}

/// Keeps out of the log what can't be read or is not signed by its sender. What the rules say
/// beyond that is the fold's to decide.
fn check_signature(
    record: &Record,
    group: Option<(Snapshot, Judged)>,
    now: Millis,
) -> Result<(), Error> {
    let unreadable = || Error::Undecodable(Undecodable::Payload);
    let verdict = match (record.header.kind, group) {
        (RecordKind::Genesis, _) => {
            let genesis = Genesis::from_bytes(&record.payload).map_err(|_| unreadable())?;
            judge_first(record, &genesis, now).map(drop)
        }
        (RecordKind::CommitBundle, group) => {
            let bundle = CommitBundle::from_bytes(&record.payload).map_err(|_| unreadable())?;
            match group {
                Some((snapshot, judged)) => {
                    judge_commit(&snapshot, &judged, record, &bundle, now).map(drop)
                }
                None => Ok(()),
            }
        }
        (RecordKind::Control, group) => {
            let signed = SignedControl::from_bytes(&record.payload).map_err(|_| unreadable())?;
            return match group {
                Some((snapshot, _)) => check_control(record, &signed, &snapshot),
                None => Ok(()),
            };
        }
        (RecordKind::Application, _) => Ok(()),
    };
    match verdict {
        Err(JudgeError::Refused(Refusal::Invalid)) => Err(Error::BadSignature),
        Ok(()) | Err(JudgeError::Refused(_) | JudgeError::UnknownVersion(_)) => Ok(()),
        Err(JudgeError::Corrupt(cause)) => Err(crate::domain::Stop::Group(cause).into()),
    }
}

fn check_control(
    record: &Record,
    signed: &SignedControl,
    snapshot: &Snapshot,
) -> Result<(), Error> {
    let leaves = snapshot.leaves().map_err(crate::domain::Stop::Group)?;
    let Some(leaf) = leaves
        .iter()
        .find(|leaf| leaf.device == record.header.sender)
    else {
        return Ok(());
    };
    match signed.verify(&leaf.key) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::BadSignature),
    }
}
