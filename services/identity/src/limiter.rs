//! Rate limits in memory: a courtesy among well-behaved callers and a brake on the others, never
//! an invariant. Each process counts for itself.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use xchat_types::Millis;

use crate::{
    config::RateLimit,
    domain::rate::{self, Bucket},
};

/// Above this many callers those that have recovered are forgotten; if that frees nothing, all
/// are: bounded memory matters more than an exact limit.
const MAX_KEYS: usize = 100_000;

#[derive(Debug)]
struct Entry {
    bucket: Bucket,
    /// Of the last request that was counted.
    tag: Option<[u8; 16]>,
}

/// One limit for each key.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rate: rate::Rate,
    entries: Mutex<HashMap<K, Entry>>,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            rate: rate::Rate {
                burst: limit.burst,
                every_ms: limit.every.as_millis(),
            },
            entries: Mutex::default(),
        }
    }

    /// Counts a request, or says how long to wait.
    pub(crate) fn check(&self, key: K, now: Millis) -> Result<(), Duration> {
        self.count(key, None, now)
    }

    /// The same, but the retry of a request, known by its tag, is free.
    pub(crate) fn check_once(&self, key: K, tag: [u8; 16], now: Millis) -> Result<(), Duration> {
        self.count(key, Some(tag), now)
    }

    fn count(&self, key: K, tag: Option<[u8; 16]>, now: Millis) -> Result<(), Duration> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_KEYS && !entries.contains_key(&key) {
            entries.retain(|_, entry| !entry.bucket.is_full(now));
            if entries.len() >= MAX_KEYS {
                tracing::warn!("too many callers to count; rate limits start anew");
                entries.clear();
            }
        }
        let known = entries.get(&key);
        if tag.is_some() && known.is_some_and(|entry| entry.tag == tag) {
            return Ok(());
        }
        let bucket = known.map(|entry| entry.bucket).unwrap_or_default();
        let bucket = bucket.take(self.rate, now)?;
        entries.insert(key, Entry { bucket, tag });
        Ok(())
    }
}
