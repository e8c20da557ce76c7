//! A run of records of one conversation: load, fold or replay, write.

use std::{collections::BTreeSet, sync::Arc};

use xchat_ports::{Clock, EventLog, message_store::RowKey};
use xchat_types::{ConversationId, DeviceId, Offset, PartitionId, limits::CLOCK_WORKER_MS};

use super::{Announcement, cache::Cache};
use crate::{
    Error,
    domain::{
        Conversation, Effects, Folded, Head, Logged, Recent, Record, fold, replay,
        replay::needs_group,
    },
    store::{Conversations, View, once},
};

/// Folds runs. Runs of different conversations may be folded at the same time.
#[derive(Debug)]
pub struct Folder {
    log: Arc<dyn EventLog>,
    conversations: Conversations,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

/// Why a run came to nothing. Whatever of it was written is written again, byte for byte.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An engine, or something stored that does not fit.
    #[error(transparent)]
    Failed(#[from] Error),
    #[error("a record is stamped {ahead_ms} ms ahead of this machine's clock")]
    ClockBehind { ahead_ms: u64 },
    /// The log has lost records that were folded.
    #[error("the log ends at {end}, below the checkpoint {checkpoint}")]
    LogEndsEarly { end: Offset, checkpoint: Offset },
    /// So it has, and has taken others since.
    #[error("the log holds another record at {0} than was folded there")]
    OtherRecord(Offset),
}

/// Decided records that wait to be written, in order.
#[derive(Debug, Default)]
struct Decided {
    announcements: Vec<Announcement>,
    /// Of folded records: the mutation that each makes. Replayed ones have made theirs.
    heads: Vec<Option<Head>>,
}

/// Effects of records that were folded before, in order.
#[derive(Debug, Default)]
struct Replayed {
    effects: Vec<Effects>,
    /// So many have been written again.
    written: usize,
}

impl Folder {
    pub fn new(
        log: Arc<dyn EventLog>,
        conversations: Conversations,
        clock: Arc<dyn Clock>,
        cached: usize,
    ) -> Self {
        Self {
            log,
            conversations,
            clock,
            cache: Cache::new(cached),
        }
    }

    /// Forgets what is at hand of a partition: another worker may have it now.
    pub fn forget(&self, partition: PartitionId) {
        self.cache.forget(partition);
    }

    /// Folds a run: records of one conversation and partition in log order. When this returns
    /// `Ok`, everything is written and what is returned waits to be announced.
    pub async fn run(&self, run: &[Logged]) -> Result<Vec<Announcement>, Failure> {
        let Some(first) = run.first() else {
            return Ok(Vec::new());
        };
        self.check_clock(run)?;
        let partition = first.place.partition;
        let cached = self.cache.take(partition, first.conversation);
        let conversation = match cached {
            Some(conversation) => conversation,
            None => self.load(first.conversation).await?,
        };
        let (mut conversation, view) = self.read_rows(conversation, run).await?;
        self.check_log_end(&conversation, first).await?;
        let (again, new) =
            run.split_at(run.partition_point(|logged| conversation.has_folded(logged.place)));
        let replayed = self.replay(&conversation, again, &view).await?;
        let mut decided = Decided::default();
        for (logged, effects) in again.iter().zip(replayed) {
            decided.push(logged, effects, None);
        }
        for logged in new {
            let folded = self.fold(conversation, logged).await?;
            conversation = folded.conversation;
            let head = conversation.head.clone();
            decided.push(logged, folded.effects, Some(head));
        }
        self.write(conversation.id, &decided).await?;
        self.cache.put(partition, conversation);
        Ok(decided.announcements)
    }

    /// Writes what is written once, then one mutation a record: what a reader finds under a head
    /// is complete.
    async fn write(&self, id: ConversationId, decided: &Decided) -> Result<(), Error> {
        let folded = || {
            let heads = decided.heads.iter();
            let both = decided.announcements.iter().zip(heads);
            both.filter_map(|(announcement, head)| Some((&announcement.effects, head.as_ref()?)))
        };
        let rows: Vec<_> = folded()
            .flat_map(|(effects, _)| once::rows(id, effects))
            .collect();
        self.conversations.write_once(&rows).await?;
        for (effects, head) in folded() {
            self.conversations.mutate(id, head).await?;
            self.conversations.delete_obsolete(id, effects).await?;
        }
        Ok(())
    }

    /// Writes what folded records wrote beside their mutations: a store may have acknowledged it and
    /// lost it.
    async fn write_again(&self, id: ConversationId, replayed: &mut Replayed) -> Result<(), Error> {
        let effects = replayed.effects.iter().skip(replayed.written);
        let rows = effects.clone().flat_map(|effects| once::rows(id, effects));
        let rows: Vec<_> = rows.collect();
        self.conversations.write_once(&rows).await?;
        for effects in effects {
            self.conversations.delete_obsolete(id, effects).await?;
        }
        replayed.written = replayed.effects.len();
        Ok(())
    }

    /// Loads a conversation whose head this worker did not get acknowledged, and redoes the head's
    /// mutation first: it may stand on one replica only.
    async fn load(&self, id: ConversationId) -> Result<Conversation, Error> {
        let conversation = self.conversations.load(id).await?;
        self.conversations.mutate(id, &conversation.head).await?;
        Ok(conversation)
    }

    /// Reads the rows that a run needs and that are not at hand, with the head: if it is another
    /// than the one at hand, another worker has been here, and what is at hand is dropped.
    async fn read_rows(
        &self,
        mut conversation: Conversation,
        run: &[Logged],
    ) -> Result<(Conversation, View), Error> {
        loop {
            let senders = missing_senders(&conversation, run);
            let keys = keys(&conversation, run, &senders);
            if keys.is_empty() {
                return Ok((conversation, View::default()));
            }
            let mut view = self.conversations.view(conversation.id, &keys).await?;
            if view.stamp() == conversation.head.stamp {
                for device in senders {
                    let row = view.senders.remove(&device).unwrap_or_default();
                    conversation.senders.insert(device, row);
                }
                return Ok((conversation, view));
            }
            conversation = self.load(conversation.id).await?;
        }
    }

    async fn fold(&self, mut conversation: Conversation, logged: &Logged) -> Result<Folded, Error> {
        let record = Record::decode(&logged.conversation, &logged.bytes).ok();
        let needs_group = record.is_some_and(|record| conversation.lacks(&record).group);
        if let (true, Some(group)) = (needs_group, &conversation.head.group) {
            let (incarnation, epoch) = (group.incarnation, group.epoch);
            let id = conversation.id;
            conversation.group = Some(self.conversations.group(id, incarnation, epoch).await?);
        }
        Ok(fold(conversation, logged)?)
    }

    /// The effects of records that were folded before, written again; so are those before one that
    /// can't be replayed.
    async fn replay(
        &self,
        conversation: &Conversation,
        again: &[Logged],
        view: &View,
    ) -> Result<Vec<Effects>, Failure> {
        let mut replayed = Replayed::default();
        let ended = self
            .replay_all(conversation, again, view, &mut replayed)
            .await;
        self.write_again(conversation.id, &mut replayed).await?;
        ended.map(|()| replayed.effects)
    }

    async fn replay_all(
        &self,
        conversation: &Conversation,
        again: &[Logged],
        view: &View,
        replayed: &mut Replayed,
    ) -> Result<(), Failure> {
        let id = conversation.id;
        for logged in again {
            let place = logged.place;
            let recent = view.recents.get(&(place.partition, place.offset));
            let fits = recent.map_or_else(
                || Recent::may_be_gone(logged.appended_at, self.clock.now()),
                |recent| recent.is_of(logged),
            );
            if !fits {
                return Err(Failure::OtherRecord(place.offset));
            }
            let Some(recent) = recent else {
                // Its row is gone with its day. Marks at the head make every device look for itself.
                let effects = Effects::remind(&conversation.members, &conversation.head);
                replayed.effects.push(effects);
                continue;
            };
            let record = Record::decode(&logged.conversation, &logged.bytes).ok();
            let group = match record.and_then(|record| needs_group(&record, recent)) {
                Some((incarnation, epoch)) => {
                    // It may be made of what the records before this one wrote.
                    self.write_again(id, replayed).await?;
                    Some(self.conversations.group(id, incarnation, epoch).await?)
                }
                None => None,
            };
            let effects = replay(&conversation.members, logged, recent, group.as_ref());
            replayed.effects.push(effects.map_err(Error::from)?);
        }
        Ok(())
    }

    fn check_clock(&self, run: &[Logged]) -> Result<(), Failure> {
        let now = self.clock.now();
        let ahead = run.iter().map(|logged| now.until(logged.appended_at)).max();
        match ahead {
            Some(ahead_ms) if ahead_ms > CLOCK_WORKER_MS => Err(Failure::ClockBehind { ahead_ms }),
            Some(_) | None => Ok(()),
        }
    }

    /// A checkpoint at or above the log's end says that the log has lost what was folded.
    async fn check_log_end(
        &self,
        conversation: &Conversation,
        first: &Logged,
    ) -> Result<(), Failure> {
        let place = first.place;
        let checkpoint = conversation.head.checkpoint.filter(|checkpoint| {
            (checkpoint.log, checkpoint.partition) == (place.log, place.partition)
                && checkpoint.offset > place.offset
        });
        let Some(checkpoint) = checkpoint.map(|checkpoint| checkpoint.offset) else {
            return Ok(());
        };
        let span = self.log.span(place.partition).await.map_err(Error::from)?;
        if checkpoint >= span.end {
            let end = span.end;
            return Err(Failure::LogEndsEarly { end, checkpoint });
        }
        Ok(())
    }
}

impl Decided {
    fn push(&mut self, logged: &Logged, effects: Effects, head: Option<Head>) {
        self.announcements.push(Announcement {
            conversation: logged.conversation,
            place: logged.place,
            effects,
            replayed: head.is_none(),
            trace: None,
        });
        self.heads.push(head);
    }
}

fn missing_senders(conversation: &Conversation, run: &[Logged]) -> BTreeSet<DeviceId> {
    run.iter()
        .filter_map(|logged| Record::decode(&logged.conversation, &logged.bytes).ok())
        .filter_map(|record| conversation.lacks(&record).sender)
        .collect()
}

fn keys(conversation: &Conversation, run: &[Logged], senders: &BTreeSet<DeviceId>) -> Vec<RowKey> {
    let recents = run
        .iter()
        .map(|logged| logged.place)
        .filter(|place| conversation.has_folded(*place))
        .map(|place| RowKey::Recent(place.partition, place.offset));
    recents
        .chain(senders.iter().copied().map(RowKey::Sender))
        .collect()
}
