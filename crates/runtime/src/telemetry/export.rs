//! OTLP over gRPC.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    logs::{BatchConfigBuilder as LineBatches, BatchLogProcessor, SdkLogger, SdkLoggerProvider},
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::{BatchConfigBuilder as SpanBatches, BatchSpanProcessor, Sampler, SdkTracerProvider},
};
use tonic::transport::Channel;

use super::{
    TelemetryConfig,
    reach::{Reach, Signal, Told},
};
use crate::{
    ambient::SystemRng,
    channel::{Address, Remote},
    metrics::metrics,
    mtls::Mtls,
    trace,
};

/// Name that a collector shows in its certificate.
const COLLECTOR: &str = "collector";
/// Spans, and lines, that wait; what comes on top is dropped.
const QUEUE: usize = 4_096;
const BATCH: usize = 512;
/// Of one export.
const DEADLINE: Duration = Duration::from_secs(3);
/// What is not sent in this time when the process stops is lost.
const LAST_EXPORT: Duration = Duration::from_secs(3);

/// The three signals on their way to a collector.
#[derive(Clone, Debug)]
pub(super) struct Providers {
    spans: SdkTracerProvider,
    numbers: SdkMeterProvider,
    lines: SdkLoggerProvider,
}

impl Providers {
    /// Connects at the first export, and again whenever it has to.
    pub(super) fn start(
        endpoint: &Address,
        config: &TelemetryConfig,
        service: String,
        mtls: Option<&Mtls>,
    ) -> Result<Self, ExporterBuildError> {
        let remote = Remote {
            role: COLLECTOR,
            mtls: mtls.filter(|_| endpoint.is_encrypted()).cloned(),
        };
        let channel = remote
            .quiet_channel(std::slice::from_ref(endpoint))
            .untraced();
        let resource = resource(service);
        let reach = Arc::new(Reach::default());
        let providers = Self {
            spans: spans(config, channel.clone(), &resource, &reach)?,
            numbers: numbers(config, channel.clone(), &resource, &reach)?,
            lines: lines(config, channel, &resource, &reach)?,
        };
        trace::export_to(providers.spans.tracer("xchat"));
        global::set_meter_provider(providers.numbers.clone());
        // Begins to count the process's time.
        let _ = metrics();
        Ok(providers)
    }

    /// A layer that exports log lines.
    pub(super) fn bridge(&self) -> OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger> {
        OpenTelemetryTracingBridge::new(&self.lines)
    }

    /// Sends what waits. The providers keep no time themselves, so a thread does the waiting.
    pub(super) fn stop(self) {
        let (done, stopped) = mpsc::channel();
        let stopping = thread::Builder::new().spawn(move || {
            // What a collector did not take has been said when it was not taken.
            let _ = self.spans.shutdown_with_timeout(LAST_EXPORT);
            let _ = self.numbers.shutdown_with_timeout(LAST_EXPORT);
            let _ = self.lines.shutdown_with_timeout(LAST_EXPORT);
            let _ = done.send(());
        });
        if stopping.is_ok() {
            let _ = stopped.recv_timeout(LAST_EXPORT);
        }
    }
}

/// What the process is; a random number tells it from others of its kind.
fn resource(service: String) -> Resource {
    let instance: [u8; 8] = xchat_ports::ambient::random(&SystemRng);
    let instance = format!("{:016x}", u64::from_be_bytes(instance));
    Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .build()
}

fn spans(
    config: &TelemetryConfig,
    channel: Channel,
    resource: &Resource,
    reach: &Arc<Reach>,
) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_channel(channel);
    let exporter = exporter.with_timeout(DEADLINE).build()?;
    let batches = SpanBatches::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(config.interval.0);
    let processor = BatchSpanProcessor::builder(Told::new(exporter, Signal::Spans, reach))
        .with_batch_config(batches.build());
    let root = Sampler::TraceIdRatioBased(config.sampling);
    Ok(SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(root)))
        .with_resource(resource.clone())
        .with_span_processor(processor.build())
        .build())
}

fn numbers(
    config: &TelemetryConfig,
    channel: Channel,
    resource: &Resource,
    reach: &Arc<Reach>,
) -> Result<SdkMeterProvider, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_tonic().with_channel(channel);
    let exporter = exporter.with_timeout(DEADLINE).build()?;
    let reader = PeriodicReader::builder(Told::new(exporter, Signal::Numbers, reach))
        .with_interval(config.interval.0);
    Ok(SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(reader.build())
        .build())
}

fn lines(
    config: &TelemetryConfig,
    channel: Channel,
    resource: &Resource,
    reach: &Arc<Reach>,
) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = LogExporter::builder().with_tonic().with_channel(channel);
    let exporter = exporter.with_timeout(DEADLINE).build()?;
    let batches = LineBatches::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(config.interval.0);
    let processor = BatchLogProcessor::builder(Told::new(exporter, Signal::Lines, reach))
        .with_batch_config(batches.build());
    Ok(SdkLoggerProvider::builder()
        .with_resource(resource.clone())
        .with_log_processor(processor.build())
        .build())
}
