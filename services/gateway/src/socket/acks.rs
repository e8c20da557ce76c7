//! Acknowledgements of one socket. They are cumulative: while one of a conversation is under way,
//! those that come behind it wait, and the highest of them speaks for all.

use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use xchat_types::{ConversationId, Sequence};

/// Conversations with an acknowledgement under way.
#[derive(Debug, Default)]
pub(crate) struct Acks(Mutex<HashMap<ConversationId, Arc<Turn>>>);

#[derive(Debug, Default)]
struct Turn {
    /// The highest that was asked for.
    asked: AtomicU64,
    /// The highest that has been told. Held while the next is.
    told: tokio::sync::Mutex<Sequence>,
}

impl Acks {
    /// Tells a sequence, or a higher one that was asked for meanwhile. If that fails each tells its
    /// own, so that nobody has the answer to another's mistake.
    pub(crate) async fn tell<F, E>(
        &self,
        conversation: ConversationId,
        sequence: Sequence,
        call: impl Fn(Sequence) -> F,
    ) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let turn = Arc::clone(self.lock().entry(conversation).or_default());
        turn.asked.fetch_max(sequence.0, Ordering::AcqRel);
        let result = turn.take(sequence, call).await;
        let mut open = self.lock();
        // The table's and this one: nobody waits.
        if Arc::strong_count(&turn) == 2 {
            open.remove(&conversation);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, Arc<Turn>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    async fn take<F, E>(&self, sequence: Sequence, call: impl Fn(Sequence) -> F) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let mut told = self.told.lock().await;
        if *told >= sequence {
            return Ok(());
        }
        let highest = sequence.max(Sequence(self.asked.load(Ordering::Acquire)));
        if highest > sequence {
            if call(highest).await.is_ok() {
                *told = highest;
                return Ok(());
            }
            // Those that wait begin with their own, too.
            self.asked.store(0, Ordering::Release);
        }
        call(sequence).await?;
        *told = sequence;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures_util::future::join_all;

    use super::*;

    const CONVERSATION: ConversationId = ConversationId::new([1; 32]);

    /// Tells all sequences at once; gives the calls that were made and how each ended.
    async fn tell(sequences: &[u64], refused: u64) -> (Vec<u64>, Vec<bool>) {
        let (acks, calls) = (Acks::default(), RefCell::new(Vec::new()));
        let call = |highest: Sequence| {
            calls.borrow_mut().push(highest.0);
            async move {
                tokio::task::yield_now().await;
                if highest.0 == refused {
                    Err(())
                } else {
                    Ok(())
                }
            }
        };
        let told = sequences
            .iter()
            .map(|sequence| acks.tell(CONVERSATION, Sequence(*sequence), call));
        let ended = join_all(told).await.iter().map(Result::is_ok).collect();
        assert!(acks.lock().is_empty(), "nothing is kept");
        (calls.into_inner(), ended)
    }

    #[tokio::test]
    async fn those_that_come_meanwhile_go_together() {
        let (calls, ended) = tell(&[1, 2, 3, 5, 4], 0).await;
        assert_eq!(calls, [1, 5]);
        assert_eq!(ended, [true; 5]);
    }

    #[tokio::test]
    async fn a_refusal_is_not_taken_for_an_answer_to_another() {
        let (calls, ended) = tell(&[1, 2, 9, 3], 9).await;
        assert_eq!(calls, [1, 9, 2, 9, 3]);
        assert_eq!(ended, [true, true, false, true]);
    }

    #[tokio::test]
    async fn conversations_do_not_wait_for_each_other() {
        let acks = Acks::default();
        let stuck = acks.tell(CONVERSATION, Sequence(1), |_| std::future::pending());
        let other = ConversationId::new([2; 32]);
        tokio::select! {
            biased;
            told = stuck => told,
            told = acks.tell(other, Sequence(1), |_| std::future::ready(Ok::<_, ()>(()))) => told,
        }
        .unwrap();
    }
}
