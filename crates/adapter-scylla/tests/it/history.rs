//! One conversation that is written on and on, and what is left of it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::timeout;
use xchat_adapter_scylla::ScyllaOptions;
use xchat_ports::{
    MessageStore, PortError, PortResult,
    message_store::{Mutation, OnceRow, RowChange, RowKey, Rows},
};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Stamp};

pub(crate) const CONVERSATION: ConversationId = ConversationId::new([1; 32]);
pub(crate) const SENDER: RowKey = RowKey::Sender(DeviceId::new([1; 16]));
/// For a machine under load.
const SLACK: Duration = Duration::from_secs(2);

/// Head and sender, both with the stamp as their value.
pub(crate) fn mutation(stamp: u64) -> Mutation {
    let change = |key| RowChange {
        key,
        value: Some(Bytes::from(stamp.to_string())),
        expires_at: None,
    };
    Mutation {
        conversation: CONVERSATION,
        stamp: Stamp(stamp),
        changes: vec![change(RowKey::Head), change(SENDER)],
    }
}

/// Stamps of head and sender row.
pub(crate) fn stamps(rows: &Rows) -> (u64, Option<u64>) {
    let stamp = |value: &Bytes| std::str::from_utf8(value).unwrap().parse().unwrap();
    let row = rows.rows.first().map(|(_, value)| stamp(value));
    (rows.head.as_ref().unwrap().0.0, row)
}

/// A call ends within the time of a request, and a failure may be tried again.
pub(crate) async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    let answer = timeout(limit + SLACK, call).await.expect("in time");
    if let Err(error) = &answer {
        assert!(matches!(error, PortError::Unavailable(_)), "{error}");
    }
    answer
}

#[derive(Debug)]
pub(crate) struct History {
    limit: Duration,
    next: u64,
    accepted: Vec<u64>,
}

/// What became of the writes of a while.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) accepted: u32,
    pub(crate) unknown: u32,
}

impl History {
    pub(crate) fn new(options: &ScyllaOptions) -> Self {
        Self {
            limit: options.request_timeout,
            next: 1,
            accepted: Vec::new(),
        }
    }

    /// Each turn writes a row once, and then the conversation's head with its sender.
    pub(crate) async fn write(&mut self, store: &dyn MessageStore, for_: Duration) -> Outcomes {
        let mut outcomes = Outcomes::default();
        let until = Instant::now() + for_;
        while Instant::now() < until {
            let row = OnceRow::GroupState {
                conversation: CONVERSATION,
                incarnation: Incarnation(0),
                epoch: Epoch(self.next),
                value: Bytes::from_static(b"state"),
            };
            let rows = [row];
            let once = in_time(self.limit, store.write_once(&rows)).await;
            let mutation = mutation(self.next);
            let mutated = in_time(self.limit, store.mutate(&mutation)).await;
            if once.is_ok() && mutated.is_ok() {
                self.accepted.push(self.next);
                outcomes.accepted += 1;
            } else {
                outcomes.unknown += 1;
            }
            self.next += 1;
        }
        outcomes
    }

    /// Nothing that was acknowledged is missing, and no row is newer than its head.
    pub(crate) async fn check(&self, store: &dyn MessageStore) {
        let rows = store.read_rows(CONVERSATION, &[SENDER]).await.unwrap();
        let (head, row) = stamps(&rows);
        let last = *self.accepted.last().unwrap();
        assert!(head >= last && row >= Some(last), "{head} {row:?} {last}");
        let all = (Epoch(0), Epoch(self.next));
        let states = store.read_group_states(CONVERSATION, Incarnation(0), all.0, all.1);
        let states: Vec<u64> = states.await.unwrap().iter().map(|(id, _)| id.0).collect();
        let missing = |stamp: &&u64| states.binary_search(stamp).is_err();
        let lost: Vec<_> = self.accepted.iter().filter(missing).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}
