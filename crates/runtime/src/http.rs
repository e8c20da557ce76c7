//! The public listener: an accept loop of our own, for `axum::serve` installs no timer, so that
//! hyper's limit on slow headers would do nothing.

mod public;
mod tls;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub use public::{PublicConfig, TlsFiles};
pub use tls::{TlsError, load_tls};

use crate::{BoxError, Tasks};

/// From the first byte of a request to the end of its headers; the same for a TLS handshake.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const HEADER_BYTES: usize = 16 * 1024;
/// Pause after an accept that failed because files or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The other end of the connection, in the extensions of every request. Behind a proxy it is the
/// proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Serves until the soft cancellation. HTTP/1.1 with upgrades; what has been upgraded belongs to
/// the router's own tasks.
pub fn serve_http(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    tasks: &Tasks,
) {
    let accept = Accept {
        listener,
        router,
        tls: tls.map(TlsAcceptor::from),
        tasks: tasks.clone(),
    };
    tasks.spawn("public listener", accept.run());
}

struct Accept {
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
    tasks: Tasks,
}

impl Accept {
    async fn run(self) -> Result<(), BoxError> {
        let stop = self.tasks.soft().clone();
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => self.connected(stream, PeerAddress(peer)),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        Ok(())
    }

    fn connected(&self, stream: TcpStream, peer: PeerAddress) {
        let router = self.router.clone();
        let tls = self.tls.clone();
        let stop = self.tasks.soft().clone();
        self.tasks.spawn_session("connection", async move {
            let _ = stream.set_nodelay(true);
            let Some(tls) = tls else {
                return serve(stream, router, peer, stop).await;
            };
            match timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                Ok(Ok(stream)) => serve(stream, router, peer, stop).await,
                Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                Err(_) => tracing::debug!("TLS handshake took too long"),
            }
        });
    }
}

async fn serve<S>(stream: S, router: Router, peer: PeerAddress, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended");
    }
}
