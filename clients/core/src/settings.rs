//! What a host may set, with the design's starting values.

/// Settings of an engine. All times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Program and version as told in Hello, ≤ 64 characters.
    pub client: String,
    /// A request without an answer for this long means that the socket is dead.
    pub request_timeout_ms: u64,
    /// An accepted record without an outcome for this long is asked about.
    pub outcome_timeout_ms: u64,
    /// Pause before a request that was refused for the moment is made again, where the server
    /// names none.
    pub retry_ms: u64,
    /// The access token is renewed this long before it ends.
    pub renew_before_ms: u64,
    /// An update commit is made at the latest after this many own messages.
    pub update_after: u64,
    /// One-time key packages a suite, beside the one of last resort.
    pub key_packages: u32,
    /// Key packages are made again below this number.
    pub refill_below: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            client: concat!("xchat-core/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout_ms: 20_000,
            outcome_timeout_ms: 30_000,
            retry_ms: 2_000,
            renew_before_ms: 60_000,
            update_after: 2_000,
            key_packages: 50,
            refill_below: 20,
        }
    }
}
