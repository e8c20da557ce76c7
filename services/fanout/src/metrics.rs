//! What fanout measures: counted by ingress, worker and delivery, never by the fold.

use std::sync::LazyLock;

use xchat_runtime::{
    label,
    meter::{Counter, Gauge, Meter, Seconds},
};
use xchat_types::Outcome;

use crate::{domain::Effects, worker::folder::Failure};

label! {
    /// What became of a record, this time.
    pub(crate) enum Folded("outcome") {
        Applied = "applied",
        Refused = "refused",
        Duplicate = "duplicate",
        Parked = "parked",
        /// It had been folded before: its effects were carried out again.
        Replayed = "replayed",
    }
}

label! {
    /// What became of a push to one device.
    pub(crate) enum Pushed("result") {
        /// Its gateway has it.
        Delivered = "delivered",
        /// The connection that its route named has gone.
        Missed = "missed",
        /// The gateway did not take it in time, or at all: the device resyncs.
        Lost = "lost",
    }
}

label! {
    pub(crate) enum PartitionState("state") {
        Reading = "reading",
        /// To be opened, or waiting after a failure.
        Waiting = "waiting",
        /// Until a human has looked.
        Stopped = "stopped",
    }
}

label! {
    /// Why a run of records came to nothing.
    pub(crate) enum Cause("cause") {
        Engine = "engine",
        Clock = "clock",
        LogLost = "log_lost",
    }
}

impl Folded {
    pub(crate) fn of(effects: &Effects, replayed: bool) -> Self {
        let told = effects.told.as_ref().map(|told| &told.outcome);
        match (&effects.envelope, told) {
            _ if replayed => Self::Replayed,
            (Some(envelope), _) if envelope.parked => Self::Parked,
            (_, Some(Outcome::Refused(_))) => Self::Refused,
            (_, Some(Outcome::Duplicate { .. })) => Self::Duplicate,
            (_, Some(Outcome::Parked(_))) => Self::Parked,
            (_, Some(Outcome::Applied(_)) | None) => Self::Applied,
        }
    }
}

impl From<&Failure> for Cause {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Failed(_) => Self::Engine,
            Failure::ClockBehind { .. } => Self::Clock,
            Failure::LogEndsEarly { .. } | Failure::OtherRecord(_) => Self::LogLost,
        }
    }
}

/// The metrics of fanout.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) appended: Counter,
    pub(crate) lag_records: Gauge,
    pub(crate) lag_age: Gauge,
    pub(crate) late: Gauge,
    pub(crate) partitions: Gauge<PartitionState>,
    pub(crate) failed_runs: Counter<Cause>,
    pub(crate) folded: Counter<Folded>,
    pub(crate) applied_after: Seconds,
    pub(crate) marks: Counter,
    pub(crate) pushes: Counter<Pushed>,
    pub(crate) batches: Seconds,
}

impl Metrics {
    pub fn new(meter: &mut Meter) -> Self {
        Self {
            appended: meter.counter(
                "xchat_fanout_appended_records_total",
                "Records that ingress made durable: each was accepted.",
            ),
            lag_records: meter.gauge(
                "xchat_fanout_lag_records",
                "Records of the log from the committed offsets on, of all partitions. Every fanout \
                 tells the same.",
            ),
            lag_age: meter.gauge(
                "xchat_fanout_lag_seconds",
                "Age of the oldest record from the committed offsets on, of all partitions. Every \
                 fanout tells the same.",
            ),
            late: meter.gauge(
                "xchat_fanout_late_partitions",
                "Partitions that take nothing more, because a record has waited too long. Every \
                 fanout tells the same.",
            ),
            partitions: meter.gauge(
                "xchat_fanout_owned_partitions",
                "Partitions of this worker. One that is stopped needs a human.",
            ),
            failed_runs: meter.counter(
                "xchat_fanout_failed_runs_total",
                "Runs of records that could not be folded; their partition waits or stops.",
            ),
            folded: meter.counter(
                "xchat_fanout_folded_records_total",
                "Records that were folded and written, or replayed.",
            ),
            applied_after: meter.seconds(
                "xchat_fanout_applied_after_seconds",
                "From a gateway's stamp on a record until it was applied and written, by the clocks \
                 of two machines.",
            ),
            marks: meter.counter("xchat_fanout_flushed_marks_total", "Marks that were written."),
            pushes: meter.counter(
                "xchat_fanout_pushes_total",
                "Pushes by the devices that they were for.",
            ),
            batches: meter.seconds(
                "xchat_fanout_deliver_seconds",
                "A batch of pushes, until its gateway had it.",
            ),
        }
    }
}

/// Of this process. What is exported is decided before the first use.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&mut Meter::default()));
    &METRICS
}
