//! Metrics of every process, whatever its roles.

use std::{sync::LazyLock, time::Instant};

use tonic::Code;
use xchat_proto::{METHODS, common::Reason};

use crate::meter::{Counter, Label, Meter, Seconds};

/// The RPC that was called: one that exists, or none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method(Option<&'static str>);

impl Method {
    pub(crate) fn of(path: &str) -> Self {
        Self(METHODS.iter().find(|method| **method == path).copied())
    }
}

impl Label for Method {
    const NAME: &'static str = "method";

    fn values() -> Vec<&'static str> {
        let all = METHODS.iter().copied().map(Some).chain([None]);
        all.map(|method| Self(method).value()).collect()
    }

    fn value(self) -> &'static str {
        self.0
            .and_then(|path| path.strip_prefix('/'))
            .unwrap_or("other")
    }
}

/// What the runtime measures.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) rpcs: Seconds<(Method, Code)>,
    pub(crate) refusals: Counter<Reason>,
}

impl Metrics {
    pub fn new(meter: &mut Meter) -> Self {
        let started = Instant::now();
        meter.observed(
            "xchat_runtime_uptime_seconds",
            "Since the process began to count.",
            move || started.elapsed().as_secs_f64(),
        );
        Self {
            rpcs: meter.seconds(
                "xchat_runtime_rpc_seconds",
                "Calls between services, at the side that answers. Of a stream, until it is open.",
            ),
            refusals: meter.counter(
                "xchat_runtime_refusals_total",
                "Errors that services answered to each other, items of a batch included.",
            ),
        }
    }
}

/// Of this process. What is exported is decided before the first use.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&mut Meter::default()));
    &METRICS
}
