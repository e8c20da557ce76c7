//! What the gateway measures: counted at sockets and RPCs, never in the rules.

use std::sync::LazyLock;

use xchat_proto::{client::client_frame::Body, common::Reason, gateway::deliver_item::Push};
use xchat_runtime::{
    label,
    meter::{Counter, Level, Meter, Seconds},
};

/// Requests of devices: the label of their metric, and the name of their span.
macro_rules! requests {
    ($($variant:ident = $value:literal,)+) => {
        label! {
            /// What a device asks.
            pub(crate) enum Request("request") {
                $($variant = $value,)+
                /// A frame that asks nothing.
                Nothing = "nothing",
            }
        }

        impl Request {
            pub(crate) fn of(body: Option<&Body>) -> Self {
                match body {
                    $(Some(Body::$variant(_)) => Self::$variant,)+
                    None => Self::Nothing,
                }
            }

            pub(crate) fn span(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("gateway.", $value),)+
                    Self::Nothing => "gateway.nothing",
                }
            }
        }
    };
}

requests! {
    Hello = "hello",
    Challenge = "challenge",
    Register = "register",
    Login = "login",
    Refresh = "refresh",
    SetUsername = "set_username",
    LookupUsername = "lookup_username",
    PublishKeyPackages = "publish_key_packages",
    CountKeyPackages = "count_key_packages",
    ClaimKeyPackages = "claim_key_packages",
    Resume = "resume",
    ListMarks = "list_marks",
    Submit = "submit",
    Pull = "pull",
    Ack = "ack",
    FetchOutcomes = "fetch_outcomes",
    FetchTree = "fetch_tree",
    AckWelcome = "ack_welcome",
}

label! {
    /// What became of a socket that came.
    pub(crate) enum Arrived("result") {
        LoggedIn = "logged_in",
        /// Or it left, or said nothing in time.
        Refused = "refused",
        /// Too many had not logged in yet.
        Displaced = "displaced",
        /// Too many sockets are open.
        Overloaded = "overloaded",
    }
}

label! {
    pub(crate) enum Pushed("push") {
        Record = "record",
        Outcome = "outcome",
        Welcome = "welcome",
        Resync = "resync",
    }
}

label! {
    /// Where a push came to.
    pub(crate) enum Put("result") {
        /// It waits to be written.
        Queued = "queued",
        /// The device has not acknowledged enough of this conversation.
        SetAside = "set_aside",
        /// The device has not acknowledged enough, or reads too slowly: a resync follows.
        Dropped = "dropped",
        /// The socket is being closed.
        Closing = "closing",
        /// There is no such socket any more.
        Missed = "missed",
    }
}

impl Pushed {
    pub(crate) fn of(push: &Push) -> Self {
        match push {
            Push::Deliver(_) => Self::Record,
            Push::Outcome(_) => Self::Outcome,
            Push::Welcome(_) => Self::Welcome,
            Push::Resync(_) => Self::Resync,
        }
    }
}

/// The metrics of the gateway.
#[derive(Debug)]
pub struct Metrics {
    open_sockets: Level,
    pub(crate) arrivals: Counter<Arrived>,
    pub(crate) goodbyes: Counter<Reason>,
    pub(crate) requests: Seconds<Request>,
    pub(crate) refusals: Counter<Reason>,
    pub(crate) pushes: Counter<(Pushed, Put)>,
    pub(crate) resyncs: Counter,
}

impl Metrics {
    pub fn new(meter: &mut Meter) -> Self {
        Self {
            open_sockets: meter.level("xchat_gateway_open_sockets", "Sockets that are logged in."),
            arrivals: meter.counter("xchat_gateway_arrivals_total", "Sockets that came."),
            goodbyes: meter.counter(
                "xchat_gateway_goodbyes_total",
                "Sockets that were told to go, and why.",
            ),
            requests: meter.seconds(
                "xchat_gateway_request_seconds",
                "Requests of devices, from the frame to the answer. A submit is answered when its \
                 record is durable.",
            ),
            refusals: meter.counter(
                "xchat_gateway_refusals_total",
                "Errors that devices were told, whoever decided them.",
            ),
            pushes: meter.counter(
                "xchat_gateway_pushes_total",
                "Pushes of fanout by the sockets that they were for.",
            ),
            resyncs: meter.counter(
                "xchat_gateway_resyncs_total",
                "Devices that were told to pull, because pushes to them were dropped here.",
            ),
        }
    }
}

/// Counts a socket while it lives.
#[derive(Debug)]
pub(crate) struct OpenSocket(());

impl OpenSocket {
    pub(crate) fn count() -> Self {
        metrics().open_sockets.add(1, ());
        Self(())
    }
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        metrics().open_sockets.add(-1, ());
    }
}

/// Of this process. What is exported is decided before the first use.
pub(crate) fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::new(&mut Meter::default()));
    &METRICS
}
