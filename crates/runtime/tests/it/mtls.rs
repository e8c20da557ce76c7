//! Services that authenticate each other over TCP.

use std::{fs, net::Ipv4Addr, path::Path, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use xchat_proto::presence::{SetRouteRequest, presence_service_client::PresenceServiceClient};
use xchat_runtime::{
    ServiceParts, Tasks,
    channel::{Address, Channel, Remote},
    lifecycle::{Plan, Role, Running, ShutdownConfig},
    mtls::{Mtls, MtlsFiles},
    service::Callers,
};

use crate::channel::routes;

const CALLERS: &[Callers] = &[Callers {
    path: "/xchat.presence.v1.PresenceService/SetRoute",
    roles: &["gateway"],
}];

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes what a process of a role has.
fn issue(folder: &Path, ca: &Issuer, role: &str) -> MtlsFiles {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![format!("{role}.xchat.internal")]).unwrap();
    let certificate = params.signed_by(&key, ca).unwrap();
    let write = |name: String, pem: String| {
        let path = folder.join(name);
        fs::write(&path, pem).unwrap();
        Some(path)
    };
    MtlsFiles {
        ca_file: write(format!("{role}-ca.pem"), ca.pem()),
        cert_file: write(format!("{role}.pem"), certificate.pem()),
        key_file: write(format!("{role}.key"), key.serialize_pem()),
    }
}

fn load(files: &MtlsFiles) -> Mtls {
    Mtls::load(files).unwrap().unwrap()
}

/// Serves presence with these files.
async fn serve(files: &MtlsFiles) -> (Running, Address) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = Address::of(listener.local_addr().unwrap(), true);
    let mut parts = ServiceParts::new("presence");
    parts.routes = Some(routes());
    parts.callers = CALLERS;
    let plan = Plan {
        tasks: Tasks::new(),
        roles: vec![Role {
            parts,
            local: None,
            grpc: Some(listener),
        }],
        public: None,
        mtls: Some(load(files)),
        shutdown: ShutdownConfig::default(),
    };
    let running = plan.start();
    assert!(running.ready().await);
    (running, address)
}

fn reach(role: &'static str, files: &MtlsFiles, address: &Address) -> Channel {
    let mtls = Some(load(files));
    Remote { role, mtls }.channel(std::slice::from_ref(address))
}

async fn set(channel: &Channel) -> Result<bool, Status> {
    let mut client = PresenceServiceClient::new(channel.clone());
    let answer = client.set_route(SetRouteRequest::default()).await?;
    Ok(answer.into_inner().set)
}

async fn code(channel: &Channel) -> Code {
    set(channel)
        .await
        .map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn a_role_calls_what_it_may_and_nobody_else_gets_in() {
    let dir = tempfile::tempdir().unwrap();
    let ca = ca();
    let presence = issue(dir.path(), &ca, "presence");
    let gateway = issue(dir.path(), &ca, "gateway");
    let fanout = issue(dir.path(), &ca, "fanout");
    let (running, address) = serve(&presence).await;

    assert_eq!(code(&reach("presence", &gateway, &address)).await, Code::Ok);
    let other_role = reach("presence", &fanout, &address);
    assert_eq!(code(&other_role).await, Code::PermissionDenied);
    let not_what_was_meant = reach("identity", &gateway, &address);
    assert_eq!(code(&not_what_was_meant).await, Code::Unavailable);

    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = MtlsFiles {
        ca_file: gateway.ca_file.clone(),
        ..issue(elsewhere.path(), &self::ca(), "gateway")
    };
    let of_another_ca = reach("presence", &stranger, &address);
    assert_ne!(code(&of_another_ca).await, Code::Ok);
    let plain = format!("http://{}", address.as_str().trim_start_matches("https://"));
    let plain = Remote::plain("presence").channel(&[plain.parse().unwrap()]);
    assert_ne!(code(&plain).await, Code::Ok);
    drop(running);
}

#[tokio::test]
async fn certificates_are_read_again_without_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let old = ca();
    let presence = issue(dir.path(), &old, "presence");
    let (running, address) = serve(&presence).await;
    let gateway = issue(dir.path(), &old, "gateway");
    let before = reach("presence", &gateway, &address);
    assert!(set(&before).await.unwrap());

    // Files of another CA, with a time of their own.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let new = ca();
    issue(dir.path(), &new, "presence");
    let elsewhere = tempfile::tempdir().unwrap();
    let renewed = issue(elsewhere.path(), &new, "gateway");
    assert!(set(&reach("presence", &renewed, &address)).await.unwrap());
    assert_ne!(code(&reach("presence", &gateway, &address)).await, Code::Ok);

    // What can't be used changes nothing.
    tokio::time::sleep(Duration::from_millis(20)).await;
    fs::write(presence.cert_file.as_ref().unwrap(), "garbage").unwrap();
    assert!(set(&reach("presence", &renewed, &address)).await.unwrap());
    drop(running);
}

#[tokio::test]
async fn a_process_that_is_away_gives_way_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let ca = ca();
    let presence = issue(dir.path(), &ca, "presence");
    let gateway = issue(dir.path(), &ca, "gateway");
    let (running, here) = serve(&presence).await;
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let away = Address::of(gone.local_addr().unwrap(), true);
    drop(gone);
    let mtls = Some(load(&gateway));
    let remote = Remote {
        role: "presence",
        mtls,
    };
    for addresses in [[away.clone(), here.clone()], [here, away]] {
        for _ in 0..4 {
            assert!(set(&remote.channel(&addresses)).await.unwrap());
        }
    }
    drop(running);
}
