//! A collector behind TLS, which asks for a certificate of the installation's CA.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier, version::TLS13,
};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

type Ca = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Ca {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certify(ca: &Ca, role: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![format!("{role}.xchat.internal")]).unwrap();
    (params.signed_by(&key, ca).unwrap(), key)
}

/// Settings of a process that has a certificate.
pub(crate) fn settings(ca: &Ca, folder: &Path) -> Vec<(&'static str, String)> {
    let (certificate, key) = certify(ca, "gateway");
    let file = |setting: &'static str, pem: String| {
        let path = folder.join(setting);
        fs::write(&path, pem).unwrap();
        (setting, path.to_str().unwrap().to_owned())
    };
    let nowhere = "https://127.0.0.1:1".to_owned();
    vec![
        file("mtls__ca_file", ca.pem()),
        file("mtls__cert_file", certificate.pem()),
        file("mtls__key_file", key.serialize_pem()),
        ("peers__identity", nowhere.clone()),
        ("peers__fanout", nowhere.clone()),
        ("peers__presence", nowhere),
    ]
}

/// Takes TLS off in front of a collector; returns where it listens.
pub(crate) async fn in_front_of(collector: SocketAddr, ca: &Ca, tasks: &mut JoinSet<()>) -> String {
    let (certificate, key) = certify(ca, "collector");
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Arc::new(roots);
    let known = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(known.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else {
                    return;
                };
                let mut far = TcpStream::connect(collector).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    format!("https://{at}")
}
