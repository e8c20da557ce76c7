//! What a process tells: lines on its terminal, and, where there is a collector, traces, metrics
//! and the same lines over OTLP.
//!
//! Rules for every span and event: static names, explicit fields, no id of an account, a device
//! or a conversation (their `Debug` is redacted, their `Display` is for people only), no
//! content, no key. Lines of libraries stay on the terminal: only our own are exported.
//!
//! A collector that is slow or away costs nothing but what it misses: queues are bounded, and what
//! does not fit is dropped.

mod export;
mod reach;

use std::{
    io::{self, IsTerminal},
    panic,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::{Mistakes, Section, channel::Address, config::HumanDuration, mtls::Mtls};

use export::Providers;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For eyes.
    #[default]
    Human,
    /// One object a line, for collectors.
    Json,
}

/// What the server writes to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// What is logged: a level, or directives like `info,xchat_fanout=debug`.
    #[schemars(extend("x-allowed" = "a level from \"error\" to \"trace\", or directives like \"info,xchat_fanout=debug\""))]
    pub filter: String,
    /// How lines look.
    pub format: Format,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: Format::Human,
        }
    }
}

impl Section for LogConfig {
    const NAME: &'static str = "log";

    fn check(&self, mistakes: &mut Mistakes) {
        if let Err(error) = EnvFilter::builder().parse(&self.filter) {
            mistakes.add("filter", format!("is not a filter: {error}"));
        }
    }
}

/// Traces, metrics and log lines for a collector. Nothing is sent where none is named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Where a collector takes OTLP over gRPC. With `https://` it shows a certificate of the
    /// services' CA for `collector.xchat.internal`.
    #[schemars(extend("x-allowed" = "an address like \"http://127.0.0.1:4317\""))]
    pub endpoint: Option<Address>,
    /// Which part of the requests of devices is traced.
    #[schemars(extend("x-allowed" = "a number from 0 to 1"))]
    pub sampling: f64,
    /// Between two exports of metrics; traces and lines wait at most as long.
    pub interval: HumanDuration,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            sampling: 0.01,
            interval: HumanDuration::from_secs(10),
        }
    }
}

impl Section for TelemetryConfig {
    const NAME: &'static str = "telemetry";

    fn check(&self, mistakes: &mut Mistakes) {
        if !(0.0..=1.0).contains(&self.sampling) {
            mistakes.add("sampling", "is no part of a whole");
        }
        if self.interval.0 < Duration::from_millis(100) {
            mistakes.add("interval", "is too short to be worth a request each");
        }
    }
}

/// The telemetry of a process, until it is stopped.
#[derive(Debug)]
pub struct Telemetry(Option<Providers>);

impl Telemetry {
    /// Starts lines on standard error, once a process, and logs panics instead of printing them;
    /// exports where a collector is named. `service` says what the process is. To be called
    /// within the runtime, before anything is measured.
    pub fn start(
        log: &LogConfig,
        config: &TelemetryConfig,
        service: String,
        mtls: Option<&Mtls>,
    ) -> Self {
        let endpoint = config.endpoint.as_ref();
        let opened = endpoint.map(|at| Providers::start(at, config, service, mtls));
        let (providers, failure) = match opened.transpose() {
            Ok(providers) => (providers, None),
            Err(cause) => (None, Some(cause)),
        };
        let exported = providers.as_ref().map(|providers| {
            let ours = filter_fn(|about| about.target().starts_with("xchat"));
            providers.bridge().with_filter(ours.and(filter(log)))
        });
        let started = tracing_subscriber::registry()
            .with(terminal(log))
            .with(exported)
            .try_init();
        if started.is_ok() {
            panic::set_hook(Box::new(log_panic));
        }
        if let Some(cause) = failure {
            tracing::error!(%cause, "nothing is exported: the server goes on without");
        }
        Self(providers)
    }

    /// Sends what waits, in bounded time. Blocks, and needs the runtime to go on meanwhile.
    pub fn stop(self) {
        if let Some(providers) = self.0 {
            providers.stop();
        }
    }
}

fn terminal(log: &LogConfig) -> impl Layer<Registry> {
    let lines = fmt::layer()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    let lines = match log.format {
        Format::Human => lines.with_target(false).boxed(),
        Format::Json => lines.json().boxed(),
    };
    lines.with_filter(filter(log))
}

fn filter(log: &LogConfig) -> EnvFilter {
    EnvFilter::builder().parse_lossy(&log.filter)
}

fn log_panic(info: &panic::PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string);
    let message = info.payload_as_str().unwrap_or("no message");
    tracing::error!(place, message, "panic");
}
