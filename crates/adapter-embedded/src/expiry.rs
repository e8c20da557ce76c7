//! Rows that end: a value begins with the time at which it may be cleaned up.
//!
//! `expires_at u64 (ms, big-endian; 0: never) ‖ value`. Readers do not see a row whose time has
//! come; compaction removes it.

use std::{panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use xchat_ports::Clock;
use xchat_types::Millis;

/// A stored row. A row that would have to go at once is none.
pub(crate) fn encode(expires_at: Option<Millis>, now: Millis, value: &[u8]) -> Option<Vec<u8>> {
    if expires_at.is_some_and(|ends| ends <= now) {
        return None;
    }
    let mut row = Vec::with_capacity(8 + value.len());
    row.extend_from_slice(&expires_at.map_or(0, |ends| ends.0).to_be_bytes());
    row.extend_from_slice(value);
    Some(row)
}

/// A row that stays.
pub(crate) fn lasting(value: &[u8]) -> Vec<u8> {
    let mut row = vec![0; 8];
    row.extend_from_slice(value);
    row
}

/// The value of a row, unless its time has come or it is too short to be one.
pub(crate) fn decode(row: &[u8], now: Millis) -> Option<&[u8]> {
    let (ends, value) = row.split_first_chunk::<8>()?;
    let ends = u64::from_be_bytes(*ends);
    (ends == 0 || ends > now.0).then_some(value)
}

pub(crate) fn decode_bytes(row: &[u8], now: Millis) -> Option<Bytes> {
    decode(row, now).map(Bytes::copy_from_slice)
}

/// Makes the filters that remove rows whose time has come.
pub(crate) struct ExpiryFilters(AssertUnwindSafe<Arc<dyn Clock>>);

type Assigner = Arc<dyn Fn(&str) -> Option<Arc<dyn Factory>> + Send + Sync>;

impl ExpiryFilters {
    /// Filters for all tables but one.
    pub(crate) fn assigner(clock: Arc<dyn Clock>, except: &'static str) -> Assigner {
        let filters: Arc<dyn Factory> = Arc::new(Self(AssertUnwindSafe(clock)));
        Arc::new(move |table| (table != except).then(|| Arc::clone(&filters)))
    }
}

impl Factory for ExpiryFilters {
    fn name(&self) -> &'static str {
        "expiry"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiryFilter(self.0.now()))
    }
}

struct ExpiryFilter(Millis);

impl CompactionFilter for ExpiryFilter {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let row = item.value()?;
        let ended = row.len() >= 8 && decode(&row, self.0).is_none();
        Ok(if ended {
            Verdict::Remove
        } else {
            Verdict::Keep
        })
    }
}
