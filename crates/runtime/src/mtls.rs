//! mTLS between services: certificates that name roles, read again when their files change.
//!
//! A certificate names each role that its process may be as `ROLE.xchat.internal` among its DNS
//! names. A caller expects the role that it meant to reach; a callee asks who may call what
//! ([`crate::service::Callers`]). Nobody's word counts but the installation's CA.

mod allow;
mod peer;
mod stream;

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{VerifierBuilderError, WebPkiClientVerifier},
    version::TLS13,
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub(crate) use allow::AllowList;
pub(crate) use peer::{Caller, server_name};
pub(crate) use stream::{Secure, accept, connect};

use crate::{Mistakes, Section};

/// Certificates with which services know each other. All three, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "as the settings are called")]
pub struct MtlsFiles {
    /// The CA of this installation's services in PEM, and of nobody else's.
    #[schemars(extend("x-allowed" = "the path of a PEM file"))]
    pub ca_file: Option<PathBuf>,
    /// This process's certificate chain in PEM. Each of its roles is a DNS name:
    /// `gateway.xchat.internal`. Read again when it changes.
    #[schemars(extend("x-allowed" = "the path of a PEM file"))]
    pub cert_file: Option<PathBuf>,
    /// Its private key in PEM.
    #[schemars(extend("x-allowed" = "the path of a PEM file"))]
    pub key_file: Option<PathBuf>,
}

impl MtlsFiles {
    pub fn is_on(&self) -> bool {
        self.ca_file.is_some()
    }

    fn paths(&self) -> Option<[&PathBuf; 3]> {
        Some([
            self.ca_file.as_ref()?,
            self.cert_file.as_ref()?,
            self.key_file.as_ref()?,
        ])
    }
}

impl Section for MtlsFiles {
    const NAME: &'static str = "mtls";

    fn check(&self, mistakes: &mut Mistakes) {
        let files = [
            ("ca_file", &self.ca_file),
            ("cert_file", &self.cert_file),
            ("key_file", &self.key_file),
        ];
        if files.iter().any(|(_, file)| file.is_some()) {
            for (key, _) in files.iter().filter(|(_, file)| file.is_none()) {
                mistakes.add(key, "is missing: CA, certificate and key belong together");
            }
        }
    }
}

/// Why services can't authenticate each other with these files.
#[derive(Debug, Error)]
pub enum MtlsError {
    #[error("{path} holds no readable {what}: {source}")]
    File {
        path: PathBuf,
        what: &'static str,
        source: pem::Error,
    },
    #[error("{path} can't be looked at: {source}")]
    Look { path: PathBuf, source: io::Error },
    #[error("the CA can't be used: {0}")]
    Ca(#[from] VerifierBuilderError),
    #[error("certificate and key don't fit: {0}")]
    Pair(#[from] rustls::Error),
}

/// What a process shows to others and checks them by. Clones share one state.
#[derive(Clone, Debug)]
pub struct Mtls(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    paths: [PathBuf; 3],
    /// Of the files when they were last read, well or not.
    seen: [SystemTime; 3],
    sides: Sides,
}

#[derive(Clone, Debug)]
struct Sides {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Mtls {
    /// `None` when no files are configured.
    ///
    /// # Errors
    /// When a file can't be read, or they do not belong together.
    pub fn load(files: &MtlsFiles) -> Result<Option<Self>, MtlsError> {
        let Some(paths) = files.paths() else {
            return Ok(None);
        };
        let paths = paths.map(Clone::clone);
        let state = State {
            seen: times(&paths)?,
            sides: Sides::read(&paths)?,
            paths,
        };
        Ok(Some(Self(Arc::new(Mutex::new(state)))))
    }

    /// For the next handshake. Files that have changed are read first; if they can't be used, what
    /// was good before goes on.
    fn sides(&self) -> Sides {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match times(&state.paths) {
            Ok(now) if now == state.seen => {}
            Ok(now) => {
                state.seen = now;
                match Sides::read(&state.paths) {
                    Ok(sides) => {
                        tracing::info!("certificates were read again");
                        state.sides = sides;
                    }
                    Err(cause) => {
                        tracing::error!(%cause, "new certificates can't be used: the old stay");
                    }
                }
            }
            Err(cause) => tracing::warn!(%cause, "certificates: the old stay"),
        }
        state.sides.clone()
    }
}

fn times(paths: &[PathBuf; 3]) -> Result<[SystemTime; 3], MtlsError> {
    let mut times = [SystemTime::UNIX_EPOCH; 3];
    for (path, time) in paths.iter().zip(&mut times) {
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
        *time = modified.map_err(|source| MtlsError::Look {
            path: path.clone(),
            source,
        })?;
    }
    Ok(times)
}

impl Sides {
    fn read([ca, cert, key]: &[PathBuf; 3]) -> Result<Self, MtlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca, "CA certificate")? {
            roots.add(certificate)?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(cert, "certificate")?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|source| MtlsError::File {
            path: key.clone(),
            what: "private key",
            source,
        })?;
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        client.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }
}

fn certificates(
    path: &PathBuf,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, MtlsError> {
    let refused = |source| MtlsError::File {
        path: path.clone(),
        what,
        source,
    };
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(refused)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(refused)?;
    if chain.is_empty() {
        return Err(refused(pem::Error::NoItemsFound));
    }
    Ok(chain)
}
