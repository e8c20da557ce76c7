//! A store that stands still before every call: two workers can be interleaved call by call, a
//! worker can be killed between any two calls, and a test can do something just then.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    MessageStore, PortResult,
    message_store::{Mark, Mutation, OnceRow, RowKey, Rows, StoredEnvelope},
};
use xchat_types::{ConversationId, DeviceId, Epoch, Incarnation, Sequence, Stamp, WelcomeRef};

/// Called with the name of each method that is about to run.
type Hook = Arc<dyn Fn(&'static str) + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Stepping {
    inner: Arc<dyn MessageStore>,
    /// Calls that will still be let through.
    budget: Arc<AtomicU32>,
    hook: Option<Hook>,
    syncing: Duration,
}

impl std::fmt::Debug for Stepping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stepping")
    }
}

impl Stepping {
    /// Lets `budget` calls through; the next one never returns.
    pub(crate) fn new(inner: Arc<dyn MessageStore>, budget: u32) -> Self {
        Self {
            inner,
            budget: Arc::new(AtomicU32::new(budget)),
            hook: None,
            syncing: Duration::ZERO,
        }
    }

    /// A store that syncs by the clock.
    pub(crate) fn syncing(inner: Arc<dyn MessageStore>, syncing: Duration) -> Self {
        Self {
            syncing,
            ..Self::new(inner, u32::MAX)
        }
    }

    pub(crate) fn hooked(
        inner: Arc<dyn MessageStore>,
        hook: impl Fn(&'static str) + Send + Sync + 'static,
    ) -> Self {
        Self {
            hook: Some(Arc::new(hook)),
            ..Self::new(inner, u32::MAX)
        }
    }

    async fn pass(&self, method: &'static str) {
        YieldOnce(false).await;
        if method == "sync" {
            tokio::time::sleep(self.syncing).await;
        }
        let left = self
            .budget
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if left.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(hook) = &self.hook {
            hook(method);
        }
    }
}

struct YieldOnce(bool);

impl Future for YieldOnce {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

macro_rules! stepping {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl MessageStore for Stepping {
            $(async fn $name(&self, $($arg: $kind),*) -> PortResult<$answer> {
                self.pass(stringify!($name)).await;
                self.inner.$name($($arg),*).await
            })*
        }
    };
}

stepping! {
    read_rows(conversation: ConversationId, keys: &[RowKey]) -> Rows;
    read_members(conversation: ConversationId) -> Rows;
    mutate(mutation: &Mutation) -> ();
    write_once(rows: &[OnceRow]) -> ();
    read_envelopes(
        conversation: ConversationId,
        after: Sequence,
        through: Sequence,
        limit: usize
    ) -> Vec<StoredEnvelope>;
    read_group_states(
        conversation: ConversationId,
        incarnation: Incarnation,
        from: Epoch,
        through: Epoch
    ) -> Vec<(Epoch, Bytes)>;
    delete_group_states(
        conversation: ConversationId,
        incarnation: Incarnation,
        below: Epoch,
        stamp: Stamp
    ) -> ();
    read_welcomes(device: DeviceId) -> Vec<(WelcomeRef, Bytes)>;
    delete_welcome(device: DeviceId, reference: WelcomeRef) -> ();
    write_marks(marks: &[Mark]) -> ();
    read_marks(device: DeviceId, after: Option<ConversationId>, limit: usize) -> Vec<Mark>;
    acknowledge(device: DeviceId, conversation: ConversationId, sequence: Sequence) -> ();
    read_cursor(device: DeviceId, conversation: ConversationId) -> Option<Sequence>;
    sync() -> ();
}
