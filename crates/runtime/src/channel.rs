//! Channels between services: the same generated client over TCP, or over an in-memory stream
//! into the same server when both roles live in one process.
//!
//! tonic sets no limits by itself; both builders here do: 5 s for a call, 256 streams, keepalive
//! 5 s / 5 s, a connection age, and [`MAX_MESSAGE_BYTES`] for every generated client and
//! server (`max_decoding_message_size`, which tonic only offers there).

mod address;
mod cut;
mod dialer;
mod in_process;
mod observed;
mod remote;
mod traced;

use std::time::Duration;

use tonic::transport::{Endpoint, Server};
use tower::layer::util::{Identity, Stack};

pub use address::{Address, Addresses};
pub(crate) use cut::Cut;
pub use dialer::Dialer;
pub use in_process::{Incoming, in_process, pair};
pub use observed::{Observe, Observed};
pub use remote::Remote;
pub use traced::Channel;

/// Deadline of a call between services.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// Largest message between services, to be set on each generated client and server.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

const STREAMS: u32 = 256;
/// A peer that stands still is left for another before a call or two have timed out.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP/2 windows: a batch fits without waiting for the other end to make room.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
const CONNECTION_AGE: Duration = Duration::from_mins(10);
const CONNECTION_AGE_GRACE: Duration = Duration::from_secs(30);

fn limits(endpoint: Endpoint) -> Endpoint {
    endpoint
        .timeout(DEADLINE)
        .connect_timeout(DEADLINE)
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}

/// No pings while nothing is asked. Servers that are not ours count them: one of grpc-go ends a
/// connection after three within five minutes, unless it answers something meanwhile.
fn quiet(endpoint: Endpoint) -> Endpoint {
    endpoint.keep_alive_while_idle(false)
}

/// A gRPC server with the limits set, observed. A bidirectional stream is not bound by the deadline: only
/// the time to its response headers is.
pub fn server() -> Server<Stack<Observe, Identity>> {
    Server::builder()
        .layer(Observe)
        .timeout(DEADLINE)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_connection_age(CONNECTION_AGE)
        .max_connection_age_grace(CONNECTION_AGE_GRACE)
        .tcp_nodelay(true)
}

#[cfg(test)]
mod tests;
