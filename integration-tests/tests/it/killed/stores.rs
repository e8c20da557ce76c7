//! What a killed server has left in its data directory, read on a copy.

use std::{path::Path, process::Command, sync::Arc};

use xchat_adapter_embedded::{EmbeddedEventLog, EmbeddedMessageStore, LogOptions};
use xchat_integration_tests::{history::Cursor, load::Load};
use xchat_ports::{Clock, EventLog as _, MessageStore as _, event_log::Entry};
use xchat_proto::{Message as _, events::HeadRow};
use xchat_types::{ConversationId, DeviceId, Offset, PartitionId, Sequence};

use crate::ambient::Ambient;

const PARTITIONS: u32 = 256;
pub(super) const SEGMENT_BYTES: u32 = 4 * 1_024 * 1_024;

/// Windows between two steps of an envelope's path in which the server was killed: whether, for
/// one kill; how often, for many.
///
/// An envelope row without head can exist here, though a mutation is one atomic batch: rows that
/// are written once are batches of their own before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Windows {
    pub(super) appended_not_folded: usize,
    pub(super) row_without_head: usize,
    pub(super) folded_not_synced: usize,
    pub(super) head_without_mark: usize,
    pub(super) pushed_not_acked: usize,
}

impl Windows {
    pub(super) fn add(&mut self, seen: Self) {
        self.appended_not_folded += seen.appended_not_folded.min(1);
        self.row_without_head += seen.row_without_head.min(1);
        self.folded_not_synced += seen.folded_not_synced.min(1);
        self.head_without_mark += seen.head_without_mark.min(1);
        self.pushed_not_acked += seen.pushed_not_acked.min(1);
    }

    pub(super) fn least(self) -> usize {
        let all = [
            self.appended_not_folded,
            self.row_without_head,
            self.folded_not_synced,
            self.head_without_mark,
            self.pushed_not_acked,
        ];
        all.into_iter().min().unwrap()
    }
}

struct Left {
    store: Arc<EmbeddedMessageStore>,
    log: EmbeddedEventLog,
}

/// Looks into the stores of a server that does not run.
pub(super) async fn look(data: &Path, load: &Load) -> (Windows, Vec<Cursor>) {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() {
        memory
    } else {
        data.parent().unwrap()
    };
    let copy = tempfile::tempdir_in(place).unwrap();
    for part in ["messages", "log"] {
        let copied = Command::new("cp")
            .args(["--recursive", "--sparse=always"])
            .args([data.join(part), copy.path().join(part)])
            .status();
        assert!(copied.unwrap().success(), "a copy of the stores");
    }
    let left = Left::open(copy.path());
    let found = left.found(load).await;
    // The log writes its last words into the store.
    drop(left.log);
    drop(left.store);
    found
}

impl Left {
    fn open(folder: &Path) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(Ambient);
        let store = EmbeddedMessageStore::open(&folder.join("messages"), Arc::clone(&clock));
        let store = Arc::new(store.unwrap());
        let options = LogOptions {
            partitions: PARTITIONS,
            segment_bytes: SEGMENT_BYTES,
            ..LogOptions::default()
        };
        let checkpoints = Arc::clone(&store) as _;
        let log =
            EmbeddedEventLog::open(&folder.join("log"), options, clock, &Ambient, checkpoints);
        Self {
            store,
            log: log.unwrap(),
        }
    }

    async fn found(&self, load: &Load) -> (Windows, Vec<Cursor>) {
        let mut windows = Windows::default();
        let mut heads = Vec::new();
        for conversation in load.conversations() {
            let head = self.head(*conversation).await;
            let above = self
                .store
                .read_envelopes(
                    *conversation,
                    Sequence(head.sequence),
                    Sequence(u64::MAX),
                    64,
                )
                .await
                .unwrap();
            windows.row_without_head += above.len();
            heads.push(head);
        }
        for entry in self.uncommitted().await {
            let of = |id: &ConversationId| *id == entry.conversation;
            let Some(number) = load.conversations().iter().position(of) else {
                continue;
            };
            let checkpoint = heads[number].checkpoint.as_ref();
            if checkpoint.is_some_and(|checkpoint| entry.offset.0 <= checkpoint.offset) {
                windows.folded_not_synced += 1;
            } else {
                windows.appended_not_folded += 1;
            }
        }
        let mut cursors = Vec::new();
        for place in load.progress() {
            let device = load.devices()[place.device];
            let conversation = load.conversations()[place.conversation];
            let stored = self.store.read_cursor(device, conversation).await.unwrap();
            let stored = stored.unwrap_or_default().0;
            let head = heads[place.conversation].sequence;
            let marked = self.mark(device, conversation).await;
            windows.head_without_mark += usize::from(stored.max(marked) < head);
            windows.pushed_not_acked += usize::from(place.applied > stored);
            cursors.push(Cursor {
                device: place.device,
                conversation: place.conversation,
                acked: place.acked,
                stored,
                head,
            });
        }
        (windows, cursors)
    }

    async fn head(&self, conversation: ConversationId) -> HeadRow {
        let rows = self.store.read_rows(conversation, &[]).await.unwrap();
        let (_, head) = rows.head.expect("a head");
        HeadRow::decode(head).unwrap()
    }

    /// What is not yet known to be folded and synced.
    async fn uncommitted(&self) -> Vec<Entry> {
        let mut positions = Vec::new();
        for partition in (0..PARTITIONS).map(PartitionId) {
            let span = self.log.span(partition).await.unwrap();
            let committed = self.log.committed(partition).await.unwrap();
            let from = committed.unwrap_or(span.start);
            if from < span.end {
                positions.push((partition, from, span.end));
            }
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (partition, mut from, end) in positions {
            while from < end {
                let wait = std::time::Duration::from_secs(5);
                let read = self.log.read(&[(partition, from)], 1 << 20, wait).await;
                let read = read.unwrap();
                from = read
                    .last()
                    .map_or(Offset(u64::MAX), |entry| entry.offset.next());
                entries.extend(read);
            }
        }
        entries
    }

    async fn mark(&self, device: DeviceId, conversation: ConversationId) -> u64 {
        let mut after = None;
        loop {
            let page = self.store.read_marks(device, after, 64).await.unwrap();
            let Some(last) = page.last() else { return 0 };
            after = Some(last.conversation);
            let mut marks = page.into_iter();
            if let Some(mark) = marks.find(|mark| mark.conversation == conversation) {
                return mark.sequence.0;
            }
        }
    }
}
