//! Starting values of limits (architecture, section 12). Configuration may lower or raise those
//! that are settings; the ones here that formats depend on are fixed.

pub const KIB: usize = 1_024;

/// MLS bytes of an application envelope; larger content is a file.
pub const MAX_APPLICATION_BYTES: usize = 64 * KIB;
/// Commit with welcomes, genesis or control record.
pub const MAX_HANDSHAKE_BYTES: usize = 512 * KIB;
/// First envelope of a request.
pub const MAX_REQUEST_BYTES: usize = 4 * KIB;
/// WebSocket frame before and after login.
pub const MAX_FRAME_BEFORE_LOGIN: usize = 16 * KIB;
pub const MAX_FRAME: usize = 576 * KIB;

/// Leaves of a conversation, classical and hybrid.
pub const MAX_LEAVES: usize = 1_000;
pub const MAX_LEAVES_HYBRID: usize = 100;
/// Adds in one commit, classical and hybrid.
pub const MAX_ADDS: usize = 200;
pub const MAX_ADDS_HYBRID: usize = 50;

/// Outcomes a sender row keeps, and how far a device may run ahead of its oldest open outcome.
pub const OUTCOME_WINDOW: u64 = 32;
/// An application envelope may be this many epochs old.
pub const MAX_EPOCH_AGE: u64 = 3;

/// Longest retention on the server: 30 days.
pub const MAX_RETENTION_MS: u64 = 30 * 24 * 3_600_000;

/// Law of the judge: an added key package must be this old and this long valid at append time.
pub const KEY_PACKAGE_MIN_AGE_MS: u64 = 24 * 3_600_000;
pub const KEY_PACKAGE_MIN_REST_MS: u64 = 45 * 24 * 3_600_000;
/// What a client publishes: 84 days, of which 2 lie back.
pub const KEY_PACKAGE_LIFETIME_MS: u64 = 84 * 24 * 3_600_000;
pub const KEY_PACKAGE_BACKDATE_MS: u64 = 2 * 24 * 3_600_000;

/// Clock differences between client and server: above the first it warns, above the second it
/// applies no commit and submits nothing.
pub const CLOCK_WARN_MS: u64 = 5 * 60_000;
pub const CLOCK_STOP_MS: u64 = 12 * 3_600_000;
/// A worker this far behind a record's append time stops the partition.
pub const CLOCK_WORKER_MS: u64 = 5 * 60_000;
