//! Channels to other processes.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tonic::transport::Endpoint;
use xchat_ports::ambient::random;

use super::{Address, Channel, limits, quiet};
use crate::{
    ambient::SystemRng,
    mtls::{self, Mtls},
};

/// What a connection to another process is made with.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The role that the other end must prove to be, where services authenticate each other.
    pub role: &'static str,
    pub mtls: Option<Mtls>,
}

/// The name is for the protocol alone: the connector knows where to go.
fn service() -> Endpoint {
    Endpoint::from_static("http://service")
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Remote {
    /// Connections that are not encrypted: within one machine.
    pub fn plain(role: &'static str) -> Self {
        Self { role, mtls: None }
    }

    /// A lazy channel to processes that are the same to the caller: connects to one of them at the
    /// first call, and again, to the next, after each loss. Processes begin with different ones.
    pub fn channel(&self, addresses: &[Address]) -> Channel {
        self.lazily(&limits(service()), addresses)
    }

    /// The same to processes of others, which is left alone between calls.
    pub(crate) fn quiet_channel(&self, addresses: &[Address]) -> Channel {
        self.lazily(&quiet(limits(service())), addresses)
    }

    fn lazily(&self, endpoint: &Endpoint, addresses: &[Address]) -> Channel {
        let remote = self.clone();
        let addresses: Arc<[Address]> = addresses.into();
        let first = usize::from(u16::from_le_bytes(random(&SystemRng)));
        let turns = Arc::new(AtomicUsize::new(first));
        let connector = tower::service_fn(move |_| {
            let (remote, addresses) = (remote.clone(), Arc::clone(&addresses));
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            async move { remote.connect_one(&addresses, turn).await.map(TokioIo::new) }
        });
        endpoint.connect_with_connector_lazy(connector).into()
    }

    /// Tries one after the other, beginning with that of this turn.
    async fn connect_one(&self, addresses: &[Address], turn: usize) -> io::Result<Box<dyn Stream>> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        let count = addresses.len().max(1);
        for address in addresses.iter().cycle().skip(turn % count).take(count) {
            match self.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn connect(&self, address: &Address) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(address.host_and_port()).await?;
        stream.set_nodelay(true)?;
        match (&self.mtls, address.is_encrypted()) {
            (None, false) => Ok(Box::new(stream)),
            (Some(mtls), true) => {
                let name = mtls::server_name(self.role)
                    .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
                Ok(Box::new(mtls::connect(mtls, name, stream).await?))
            }
            (Some(_), false) => Err(io::Error::other("http:// where services have certificates")),
            (None, true) => Err(io::Error::other("https:// without certificates: set mtls")),
        }
    }
}
