//! Sizes and times of the segment log.

use std::time::Duration;

/// Settings of a log. `partitions` is fixed for the life of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    pub partitions: u32,
    /// Size of a segment file, taken on the disk when it is made. A record must fit into one.
    pub segment_bytes: u32,
    /// A segment older than this is closed at the next append, so that it can be deleted.
    pub segment_age: Duration,
    /// How long an append may wait for others at most, when others are about.
    pub max_window: Duration,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            partitions: 256,
            segment_bytes: 32 * 1_024 * 1_024,
            segment_age: Duration::from_hours(1),
            max_window: Duration::from_micros(500),
        }
    }
}
