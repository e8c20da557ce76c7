//! The sockets of this process by device. A hint for delivery: routes decide who is where.

use std::{
    collections::{HashMap, hash_map::Entry as MapEntry},
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
    /// The id that the socket began with. Each resume gives it the next one.
    first: u64,
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
            first: connection,
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

    /// Gives a socket that is still its device's one the next connection id; `None`: another socket
    /// has replaced it. The next, and not one of the clock: a socket that was opened later, here or
    /// elsewhere, stays above it however late a resume is read.
    pub(crate) fn renew(&self, device: DeviceId, mailbox: &Arc<Mailbox>) -> Option<u64> {
        let mut shard = self.shard(device);
        let own = |entry: &&mut Entry| Arc::ptr_eq(&entry.mailbox, mailbox);
        let entry = shard.get_mut(&device).filter(own)?;
        entry.connection += 1;
        Some(entry.connection)
    }

    /// Forgets a socket that ends; the connection id that it had last.
    pub(crate) fn leave(&self, device: DeviceId, mailbox: &Arc<Mailbox>) -> Option<u64> {
        let mut shard = self.shard(device);
        let own = |entry: &&Entry| Arc::ptr_eq(&entry.mailbox, mailbox);
        let connection = shard.get(&device).filter(own)?.connection;
        shard.remove(&device);
        Some(connection)
    }

    /// Closes and forgets a socket that is replaced by one elsewhere, if it still has exactly this
    /// connection id.
    pub(crate) fn replace(&self, device: DeviceId, connection: u64) -> bool {
        let mut shard = self.shard(device);
        let replaced = match shard.entry(device) {
            MapEntry::Occupied(entry) if entry.get().connection == connection => entry.remove(),
            MapEntry::Occupied(_) | MapEntry::Vacant(_) => return false,
        };
        drop(shard);
        replaced.mailbox.close(Reason::Replaced);
        true
    }

    /// The socket of a device under one of its connections: its route may be its last one or, while
    /// a resume is at work or presence away, an earlier one.
    pub(crate) fn find(&self, device: DeviceId, connection: u64) -> Option<Arc<Mailbox>> {
        let shard = self.shard(device);
        let entry = shard
            .get(&device)
            .filter(|entry| (entry.first..=entry.connection).contains(&connection))?;
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
        assert_eq!(registry.leave(device, &old), None);
        assert!(registry.find(device, 2).is_some());
        assert_eq!(registry.leave(device, &new), Some(2));
        assert!(registry.all().is_empty());
    }

    #[test]
    fn a_socket_that_resumed_is_found_under_its_connections_and_outranks_no_later_one() {
        let registry = Registry::new();
        let device = DeviceId::new([9; 16]);
        let (socket, other) = (mailbox(), mailbox());
        assert!(registry.insert(device, 1, &socket));
        assert_eq!(registry.renew(device, &socket), Some(2));
        assert_eq!(registry.renew(device, &socket), Some(3));
        assert!((1..=3).all(|id| registry.find(device, id).is_some()));
        assert!(registry.find(device, 0).is_none() && registry.find(device, 4).is_none());
        assert!(
            !registry.replace(device, 1),
            "what was lost is an old route"
        );
        assert_eq!(socket.take().closing, None);
        assert!(registry.insert(device, 9, &other));
        assert_eq!(registry.renew(device, &socket), None);
        assert!(registry.find(device, 3).is_none(), "it is another socket's");
        assert!(registry.replace(device, 9));
        assert_eq!(other.take().closing, Some(Reason::Replaced));
        assert!(registry.all().is_empty());
    }
}
