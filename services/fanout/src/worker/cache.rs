//! Conversations at hand, bounded by number: what is not used for two generations is dropped.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use xchat_types::{ConversationId, PartitionId};

use crate::domain::Conversation;

/// A conversation in here is as this worker got it acknowledged. It is taken out to be folded, so
/// that a failure leaves nothing behind.
#[derive(Debug)]
pub(super) struct Cache {
    capacity: usize,
    generations: Mutex<Generations>,
}

type Key = (PartitionId, ConversationId);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Conversation>,
    old: HashMap<Key, Conversation>,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            generations: Mutex::default(),
        }
    }

    pub(super) fn take(&self, partition: PartitionId, id: ConversationId) -> Option<Conversation> {
        let mut generations = self.lock();
        let key = (partition, id);
        let young = generations.young.remove(&key);
        young.or_else(|| generations.old.remove(&key))
    }

    /// Keeps a conversation without its group, which is large and seldom needed.
    pub(super) fn put(&self, partition: PartitionId, mut conversation: Conversation) {
        conversation.group = None;
        let mut generations = self.lock();
        if generations.young.len() >= self.capacity.div_ceil(2) {
            generations.old = mem::take(&mut generations.young);
        }
        let key = (partition, conversation.id);
        generations.young.insert(key, conversation);
    }

    pub(super) fn forget(&self, partition: PartitionId) {
        let mut generations = self.lock();
        generations.young.retain(|(of, _), _| *of != partition);
        generations.old.retain(|(of, _), _| *of != partition);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
