//! Streams between services, encrypted and authenticated both ways.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};
use tonic::transport::server::Connected;

use super::{Caller, Mtls};

const HANDSHAKE: Duration = Duration::from_secs(5);

/// The serving end of an authenticated connection.
pub(crate) struct Secure {
    stream: server::TlsStream<TcpStream>,
    caller: Caller,
}

/// Takes a connection in; an error when the other end has no certificate of this installation.
pub(crate) async fn accept(mtls: &Mtls, stream: TcpStream) -> io::Result<Secure> {
    stream.set_nodelay(true)?;
    let acceptor = TlsAcceptor::from(mtls.sides().server);
    let stream = timeout(HANDSHAKE, acceptor.accept(stream)).await??;
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    let caller = Caller::of(chain.first());
    Ok(Secure { stream, caller })
}

/// Connects to a service that is known to be of a role.
pub(crate) async fn connect(
    mtls: &Mtls,
    role: ServerName<'static>,
    stream: TcpStream,
) -> io::Result<client::TlsStream<TcpStream>> {
    let connector = TlsConnector::from(mtls.sides().client);
    timeout(HANDSHAKE, connector.connect(role, stream)).await?
}

impl Connected for Secure {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Secure {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secure {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
