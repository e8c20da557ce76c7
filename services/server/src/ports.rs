//! Binding, with sentences for those that can't be had.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, ErrorKind},
    net::SocketAddr,
};

use tokio::net::{TcpListener, TcpSocket};
use xchat_runtime::{channel::Address, http::load_tls, lifecycle::Public};

use crate::{Config, Exit, Role, StartError};

/// What the kernel may hold for a device that has stopped reading; it doubles this for its own
/// bookkeeping. Left alone it takes up to 4 MiB a socket, beside a mailbox of 1 MiB. A device that
/// reads gets about this much in a round trip: 1 MB/s at 125 ms.
const SEND_BUFFER: u32 = 128 * 1_024;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Everything a process listens on.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    pub(crate) public: Option<Public>,
    pub(crate) grpc: BTreeMap<Role, TcpListener>,
    pub(crate) addresses: Addresses,
}

/// What was bound: port 0 has become a real one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) public: Option<SocketAddr>,
    pub(crate) encrypted: bool,
    /// Whether services authenticate each other.
    pub(crate) mtls: bool,
    pub(crate) grpc: BTreeMap<Role, SocketAddr>,
}

impl Addresses {
    /// The line that says that the server can be used.
    pub(crate) fn ready_line(&self) -> String {
        let mut line = String::from("ready:");
        if let Some(public) = self.public {
            let scheme = if self.encrypted { "https" } else { "http" };
            let _ = write!(line, " {scheme}://{public}");
        }
        for (role, address) in &self.grpc {
            let _ = write!(line, " {role} {}", Address::of(*address, self.mtls));
        }
        line
    }
}

/// Binds what the chosen roles listen on: the public port for gateway, and gRPC ports only when
/// some role is in another process.
pub(crate) async fn bind(config: &Config, roles: &[Role]) -> Result<Ports, StartError> {
    let mut ports = Ports::default();
    ports.addresses.mtls = config.mtls.is_on();
    if roles.contains(&Role::Gateway) {
        let tls = load_tls(&config.public.tls).map_err(|error| {
            StartError::new(
                "tls_files",
                Exit::Config,
                error.to_string(),
                "check public.tls.cert_file and public.tls.key_file: both are PEM",
            )
        })?;
        let listener = listen_public(config.public.listen)
            .map_err(|error| refused(config.public.listen, "public.listen", &error))?;
        ports.addresses.public = local(&listener)?;
        ports.addresses.encrypted = tls.is_some();
        ports.public = Some(Public { listener, tls });
    }
    if !Role::ALL.iter().all(|role| roles.contains(role)) {
        for role in roles {
            let key = format!("listen.{role}");
            let listener = listen(config.listen.of(*role), &key).await?;
            ports
                .addresses
                .grpc
                .extend(local(&listener)?.map(|address| (*role, address)));
            ports.grpc.insert(*role, listener);
        }
    }
    Ok(ports)
}

fn local(listener: &TcpListener) -> Result<Option<SocketAddr>, StartError> {
    match listener.local_addr() {
        Ok(address) => Ok(Some(address)),
        Err(error) => Err(StartError::new(
            "port_io",
            Exit::Unavailable,
            error.to_string(),
            "",
        )),
    }
}

/// Sockets inherit the buffer of their listener.
fn listen_public(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn listen(address: SocketAddr, key: &str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| refused(address, key, &error))
}

fn refused(address: SocketAddr, key: &str, error: &io::Error) -> StartError {
    let port = address.port();
    let other = SocketAddr::new(address.ip(), if port < 1_024 { 8_420 } else { port ^ 1 });
    let choose = if key == "public.listen" {
        format!("--listen {other} (or {key} in the configuration)")
    } else {
        format!("{key} = \"{other}\" in the configuration")
    };
    let (reason, exit, what, next) = if error.kind() == ErrorKind::AddrInUse {
        (
            "port_in_use",
            Exit::InUse,
            format!(
                "port {port} of {} is in use by another program",
                address.ip()
            ),
            format!(
                "stop that program (is this server running already?), or choose another port: \
                 {choose}"
            ),
        )
    } else if error.kind() == ErrorKind::PermissionDenied {
        (
            "port_denied",
            Exit::Denied,
            format!("the system does not let this user listen on port {port}"),
            format!("choose a port above 1023: {choose}"),
        )
    } else if error.kind() == ErrorKind::AddrNotAvailable {
        (
            "address_unknown",
            Exit::Unavailable,
            format!("{} is not an address of this machine", address.ip()),
            format!("choose one that is: {key} in the configuration"),
        )
    } else {
        (
            "port_io",
            Exit::Unavailable,
            format!("{address} can't be listened on: {error}"),
            format!("choose another address: {choose}"),
        )
    };
    StartError::new(reason, exit, what, next)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn the_kernel_holds_little_for_a_device_that_has_stopped_reading() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let Ok(listener) = listen_public(address) else {
                assert!(address.is_ipv6(), "no IPv4");
                continue;
            };
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            };
            let socket = socket.unwrap();
            socket.set_recv_buffer_size(4_096).unwrap();
            let device = socket.connect(listener.local_addr().unwrap());
            let (device, accepted) = tokio::join!(device, listener.accept());
            let (_device, (accepted, _)) = (device.unwrap(), accepted.unwrap());
            let mut held = 0;
            let still = Duration::from_millis(200);
            while let Ok(ready) = timeout(still, accepted.writable()).await {
                ready.unwrap();
                held += accepted.try_write(&[0; 16_384]).unwrap_or(0);
                assert!(held < 1_024 * 1_024, "the kernel takes all");
            }
            assert!(held > 0);
        }
    }

    #[test]
    fn a_port_that_needs_rights_is_told_apart_from_a_taken_one() {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let error = refused(
            address,
            "public.listen",
            &ErrorKind::PermissionDenied.into(),
        );
        assert_eq!(
            error.to_string(),
            "error[port_denied]: the system does not let this user listen on port 80\n\
             next: choose a port above 1023: --listen 127.0.0.1:8420 (or public.listen in the \
             configuration)"
        );
        assert_eq!(error.exit, Exit::Denied);
    }
}
