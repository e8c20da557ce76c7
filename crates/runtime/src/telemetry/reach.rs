//! Whether the collector is reached: one warning when it is not, one line when it is again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use opentelemetry::logs::Severity;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter},
    metrics::{Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{SpanData, SpanExporter},
};

/// Signals that failed at their last export, a bit each.
#[derive(Debug, Default)]
pub(super) struct Reach(AtomicU8);

#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Signal {
    Spans = 1,
    Numbers = 2,
    Lines = 4,
}

impl Reach {
    fn note(&self, signal: Signal, result: &OTelSdkResult) {
        let bit = signal as u8;
        match result {
            Err(cause) => {
                if self.0.fetch_or(bit, Ordering::Relaxed) == 0 {
                    tracing::warn!(%cause, "the collector takes no telemetry: what waits for it is dropped");
                }
            }
            Ok(()) => {
                if self.0.fetch_and(!bit, Ordering::Relaxed) == bit {
                    tracing::info!("the collector takes telemetry again");
                }
            }
        }
    }
}

/// An exporter whose outcomes are told.
#[derive(Debug)]
pub(super) struct Told<E> {
    inner: E,
    signal: Signal,
    reach: Arc<Reach>,
}

impl<E> Told<E> {
    pub(super) fn new(inner: E, signal: Signal, reach: &Arc<Reach>) -> Self {
        let reach = Arc::clone(reach);
        Self {
            inner,
            signal,
            reach,
        }
    }

    fn told(&self, result: OTelSdkResult) -> OTelSdkResult {
        self.reach.note(self.signal, &result);
        result
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.told(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Told<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.told(self.inner.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

impl<E: LogExporter> LogExporter for Told<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        self.told(self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.inner.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
