//! A duplex stream in memory instead of a socket.

use std::{io, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, sync::mpsc};
use tokio_stream::{StreamExt, wrappers::UnboundedReceiverStream};
use tonic::{service::Routes, transport::Endpoint};

use super::{Channel, Cut, limits, server};
use crate::Tasks;

const BUFFER: usize = 256 * 1024;

/// The server's end of an in-process channel: hands over the streams that its clients open.
#[derive(Debug)]
pub struct Incoming(mpsc::UnboundedReceiver<DuplexStream>);

/// A channel and the end that will serve it. Calls made before it is served wait, within their
/// deadline: this is how two roles that call each other are wired.
pub fn pair() -> (Channel, Incoming) {
    let (streams, incoming) = mpsc::unbounded_channel();
    let connector = tower::service_fn(move |_| {
        let streams = streams.clone();
        async move {
            let (client, server) = tokio::io::duplex(BUFFER);
            streams
                .send(server)
                .map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok::<_, io::Error>(TokioIo::new(client))
        }
    });
    let endpoint = limits(Endpoint::from_static("http://in-process"));
    (
        endpoint.connect_with_connector_lazy(connector).into(),
        Incoming(incoming),
    )
}

/// Serves routes in this process and returns the channel to them.
pub fn in_process(name: &'static str, routes: Routes, tasks: &Tasks) -> Channel {
    let (channel, incoming) = pair();
    incoming.serve(name, routes, tasks);
    channel
}

impl Incoming {
    /// Serves until the soft cancellation; open streams end with their clients or at the hard one.
    pub fn serve(self, name: &'static str, routes: Routes, tasks: &Tasks) {
        let soft = tasks.soft().clone();
        let hard = tasks.hard().clone();
        let streams = UnboundedReceiverStream::new(self.0)
            .map(move |stream| Ok::<_, io::Error>(Cut::new(stream, &hard)));
        // The age of a connection serves load balancers; here it would only cost reconnects.
        let mut builder = server().max_connection_age(Duration::MAX);
        tasks.spawn(name, async move {
            builder
                .add_routes(routes)
                .serve_with_incoming_shutdown(streams, soft.cancelled_owned())
                .await?;
            Ok(())
        });
    }
}
