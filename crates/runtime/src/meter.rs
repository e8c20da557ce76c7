//! Metrics: each crate that has some declares all of them in one struct of its `metrics.rs`.
//!
//! An instrument is made by a [`Meter`] alone, which notes what it is: so what is measured and
//! what `docs/metrics.md` lists are the same. Labels are enums of ours: their number is bounded,
//! and no id of an account, a device or a conversation can be one.

mod label;

use std::{fmt, marker::PhantomData, time::Duration};

use opentelemetry::{global, metrics};

pub use label::{Label, Labels};

/// Of the instruments at the collector.
const SCOPE: &str = "xchat";

/// Upper ends of a duration's buckets, seconds.
const SECONDS: [f64; 14] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many, their sum, and how many in each of a few ranges.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// One metric as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// `xchat_<crate>_<noun>_<unit>`.
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
    /// Each label with all values that it can have.
    pub labels: Vec<(&'static str, Vec<&'static str>)>,
}

/// Makes instruments of the process's provider, and lists what it has made. Where nothing is
/// exported they do nothing.
#[derive(Debug)]
pub struct Meter {
    inner: metrics::Meter,
    declared: Vec<Declaration>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            inner: global::meter(SCOPE),
            declared: Vec::new(),
        }
    }
}

impl Meter {
    pub fn counter<L: Labels>(&mut self, name: &'static str, help: &'static str) -> Counter<L> {
        self.declare::<L>(name, Kind::Counter, help);
        let built = self.inner.u64_counter(name).with_description(help).build();
        Counter(built, PhantomData)
    }

    /// A number that is told by its changes.
    pub fn level<L: Labels>(&mut self, name: &'static str, help: &'static str) -> Level<L> {
        self.declare::<L>(name, Kind::Gauge, help);
        let builder = self.inner.i64_up_down_counter(name);
        Level(builder.with_description(help).build(), PhantomData)
    }

    /// A number that is told as it is.
    pub fn gauge<L: Labels>(&mut self, name: &'static str, help: &'static str) -> Gauge<L> {
        self.declare::<L>(name, Kind::Gauge, help);
        let built = self.inner.f64_gauge(name).with_description(help).build();
        Gauge(built, PhantomData)
    }

    /// A number that is asked for at each export.
    pub fn observed(
        &mut self,
        name: &'static str,
        help: &'static str,
        look: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.declare::<()>(name, Kind::Gauge, help);
        // The provider keeps the callback.
        let _ = self
            .inner
            .f64_observable_gauge(name)
            .with_description(help)
            .with_callback(move |gauge| gauge.observe(look(), &[]))
            .build();
    }

    /// How long something took.
    pub fn seconds<L: Labels>(&mut self, name: &'static str, help: &'static str) -> Seconds<L> {
        self.declare::<L>(name, Kind::Histogram, help);
        let builder = self.inner.f64_histogram(name).with_description(help);
        let built = builder.with_boundaries(SECONDS.to_vec()).with_unit("s");
        Seconds(built.build(), PhantomData)
    }

    /// All that was made by this meter.
    pub fn into_declared(self) -> Vec<Declaration> {
        self.declared
    }

    fn declare<L: Labels>(&mut self, name: &'static str, kind: Kind, help: &'static str) {
        self.declared.push(Declaration {
            name,
            kind,
            help,
            labels: L::described(),
        });
    }
}

#[derive(Clone, Debug)]
pub struct Counter<L = ()>(metrics::Counter<u64>, PhantomData<fn(L)>);

impl<L: Labels> Counter<L> {
    pub fn add(&self, count: usize, labels: L) {
        if count > 0 {
            self.0.add(count as u64, labels.pairs().as_ref());
        }
    }

    pub fn one(&self, labels: L) {
        self.add(1, labels);
    }
}

#[derive(Clone, Debug)]
pub struct Level<L = ()>(metrics::UpDownCounter<i64>, PhantomData<fn(L)>);

impl<L: Labels> Level<L> {
    pub fn add(&self, change: i64, labels: L) {
        self.0.add(change, labels.pairs().as_ref());
    }
}

#[derive(Clone, Debug)]
pub struct Gauge<L = ()>(metrics::Gauge<f64>, PhantomData<fn(L)>);

impl<L: Labels> Gauge<L> {
    /// Counts are exact up to 2^53.
    #[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
    pub fn count(&self, count: u64, labels: L) {
        self.0.record(count as f64, labels.pairs().as_ref());
    }

    pub fn seconds(&self, duration: Duration, labels: L) {
        self.0
            .record(duration.as_secs_f64(), labels.pairs().as_ref());
    }
}

#[derive(Clone, Debug)]
pub struct Seconds<L = ()>(metrics::Histogram<f64>, PhantomData<fn(L)>);

impl<L: Labels> Seconds<L> {
    pub fn record(&self, took: Duration, labels: L) {
        self.0.record(took.as_secs_f64(), labels.pairs().as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::label! {
        enum Way("way") {
            Up = "up",
            Down = "down",
        }
    }

    #[test]
    fn what_a_meter_makes_it_lists_with_its_labels() {
        let mut meter = Meter::default();
        let steps: Counter<Way> = meter.counter("xchat_test_steps_total", "Steps.");
        let walk: Seconds<(Way, Way)> = meter.seconds("xchat_test_walk_seconds", "A walk.");
        steps.one(Way::Up);
        walk.record(Duration::from_secs(1), (Way::Up, Way::Down));
        let way = ("way", vec!["up", "down"]);
        let declared = meter.into_declared();
        let labels: Vec<_> = declared.iter().map(|one| one.labels.clone()).collect();
        assert_eq!(labels, [vec![way.clone()], vec![way.clone(), way]]);
        assert_eq!(declared[1].kind.to_string(), "histogram");
    }
}
