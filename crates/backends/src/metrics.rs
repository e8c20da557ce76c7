//! What is measured of the ports, whatever engine is behind them.

use std::sync::LazyLock;

use xchat_ports::PortError;
use xchat_runtime::{
    label,
    meter::{Counter, Meter, Seconds},
};

label! {
    /// A call of a port.
    pub(crate) enum Call("call") {
        LogAppend = "event_log.append",
        LogRead = "event_log.read",
        LogSpan = "event_log.span",
        LogOldestAt = "event_log.oldest_at",
        LogCommit = "event_log.commit",
        LogCommitted = "event_log.committed",
        LogRelease = "event_log.release",
        LogJoin = "event_log.join",
        MessagesReadRows = "message_store.read_rows",
        MessagesReadMembers = "message_store.read_members",
        MessagesMutate = "message_store.mutate",
        MessagesWriteOnce = "message_store.write_once",
        MessagesReadEnvelopes = "message_store.read_envelopes",
        MessagesReadGroupStates = "message_store.read_group_states",
        MessagesDeleteGroupStates = "message_store.delete_group_states",
        MessagesReadWelcomes = "message_store.read_welcomes",
        MessagesDeleteWelcome = "message_store.delete_welcome",
        MessagesWriteMarks = "message_store.write_marks",
        MessagesReadMarks = "message_store.read_marks",
        MessagesAcknowledge = "message_store.acknowledge",
        MessagesReadCursor = "message_store.read_cursor",
        MessagesSync = "message_store.sync",
        DirectoryCreateAccount = "directory_store.create_account",
        DirectoryReadAccount = "directory_store.read_account",
        DirectorySwapAccount = "directory_store.swap_account",
        DirectoryWriteDevice = "directory_store.write_device",
        DirectoryReadDevice = "directory_store.read_device",
        DirectoryListDevices = "directory_store.list_devices",
        DirectoryClaimName = "directory_store.claim_name",
        DirectoryReadName = "directory_store.read_name",
        DirectoryReleaseName = "directory_store.release_name",
        DirectoryPublishKeyPackages = "directory_store.publish_key_packages",
        DirectoryCountKeyPackages = "directory_store.count_key_packages",
        DirectoryClaimKeyPackage = "directory_store.claim_key_package",
        DirectorySwapSession = "directory_store.swap_session",
        DirectoryReadSession = "directory_store.read_session",
        DirectoryAppendRevocation = "directory_store.append_revocation",
        DirectoryReadRevocations = "directory_store.read_revocations",
        RoutesSet = "routing.set",
        RoutesRefresh = "routing.refresh",
        RoutesRemove = "routing.remove",
        RoutesLookup = "routing.lookup",
    }
}

label! {
    pub(crate) enum Kind("error") {
        Conflict = "conflict",
        TooLarge = "too_large",
        Unavailable = "unavailable",
        Full = "full",
        Corrupt = "corrupt",
    }
}

impl From<&PortError> for Kind {
    fn from(error: &PortError) -> Self {
        match error {
            PortError::Conflict(_) => Self::Conflict,
            PortError::TooLarge(_) => Self::TooLarge,
            PortError::Unavailable(_) => Self::Unavailable,
            PortError::Full(_) => Self::Full,
            PortError::Corrupt(_) => Self::Corrupt,
        }
    }
}

/// The metrics of stores, log and routes.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) calls: Seconds<Call>,
    pub(crate) failures: Counter<(Call, Kind)>,
}

impl Metrics {
    pub fn new(meter: &mut Meter) -> Self {
        Self {
            calls: meter.seconds(
                "xchat_backends_call_seconds",
                "Calls of log, stores and routes by their ports. A read of the log is not among \
                 them: it waits for records.",
            ),
            failures: meter.counter(
                "xchat_backends_failures_total",
                "Such calls that failed; of an append, the records.",
            ),
        }
    }
}

/// Of this process. What is exported is decided before the first use.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&mut Meter::default()));
    &METRICS
}
