//! The sockets of this process by device. A hint for delivery: routes decide who is where.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use xchat_proto::common::Reason;
use xchat_types::DeviceId;

use crate::socket::mailbox::Mailbox;

/// Shards keep a reconnect storm from queueing at one lock.
const SHARDS: usize = 16;

type Shard = HashMap<DeviceId, Entry>;

#[derive(Clone, Debug)]
struct Entry {
    connection: u64,
    mailbox: Arc<Mailbox>,
}

#[derive(Debug)]
pub(crate) struct Registry {
    shards: [Mutex<Shard>; SHARDS],
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
        }
    }

    fn shard(&self, device: DeviceId) -> MutexGuard<'_, Shard> {
        let [first, ..] = *device.as_bytes();
        let [only, rest @ ..] = &self.shards;
        let index = usize::from(first) % SHARDS;
        let shard = index
            .checked_sub(1)
            .and_then(|at| rest.get(at))
            .unwrap_or(only);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this the device's one socket here; an older one is told that it was replaced.
    /// `false`: a newer one is there already.
    pub(crate) fn insert(&self, device: DeviceId, connection: u64, mailbox: &Arc<Mailbox>) -> bool {
        let entry = Entry {
            connection,
            mailbox: Arc::clone(mailbox),
        };
        let mut shard = self.shard(device);
        if shard
            .get(&device)
            .is_some_and(|old| old.connection > connection)
        {
            return false;
        }
        let old = shard.insert(device, entry);
        drop(shard);
        if let Some(old) = old.filter(|old| old.connection != connection) {
            old.mailbox.close(Reason::Replaced);
        }
        true
    }

    pub(crate) fn remove(&self, device: DeviceId, connection: u64) {
        let mut shard = self.shard(device);
        if shard
            .get(&device)
            .is_some_and(|entry| entry.connection == connection)
        {
            shard.remove(&device);
        }
    }

    /// The socket of a device under exactly this connection.
    pub(crate) fn find(&self, device: DeviceId, connection: u64) -> Option<Arc<Mailbox>> {
        let shard = self.shard(device);
        let entry = shard
            .get(&device)
            .filter(|entry| entry.connection == connection)?;
        Some(Arc::clone(&entry.mailbox))
    }

    /// Every socket with its connection, for lease refreshes and the drain.
    pub(crate) fn all(&self) -> Vec<(DeviceId, u64, Arc<Mailbox>)> {
        self.shards
            .iter()
            .flat_map(|shard| {
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                shard
                    .iter()
                    .map(|(device, entry)| (*device, entry.connection, Arc::clone(&entry.mailbox)))
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox() -> Arc<Mailbox> {
        Arc::new(Mailbox::new(1_000, 10))
    }

    #[test]
    fn a_device_has_one_socket_and_the_older_one_is_told() {
        let registry = Registry::new();
        let device = DeviceId::new([9; 16]);
        let (old, new) = (mailbox(), mailbox());
        assert!(registry.insert(device, 1, &old));
        assert!(registry.insert(device, 2, &new));
        assert_eq!(old.take().closing, Some(Reason::Replaced));
        assert!(registry.find(device, 1).is_none());
        assert!(registry.find(device, 2).is_some());
        assert!(
            !registry.insert(device, 1, &old),
            "a late older socket does not come back"
        );
        registry.remove(device, 1);
        assert!(registry.find(device, 2).is_some());
        registry.remove(device, 2);
        assert!(registry.all().is_empty());
    }
}
