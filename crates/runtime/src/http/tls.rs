//! TLS of the public listener: 1.3 only, hybrid post-quantum key exchange preferred.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{ServerConfig, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use thiserror::Error;

use super::TlsFiles;
use crate::Mistakes;

/// Why TLS can't be done with these files.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("{path} holds no readable {what}: {source}")]
    File {
        path: PathBuf,
        what: &'static str,
        source: pem::Error,
    },
    #[error("certificate and key don't fit: {0}")]
    Pair(#[from] rustls::Error),
}

/// Notes everything that is wrong with the files under their keys in `[public]`.
pub(super) fn check(files: &TlsFiles, mistakes: &mut Mistakes) {
    let (Some(cert_file), Some(key_file)) = (&files.cert_file, &files.key_file) else {
        return;
    };
    match (read_chain(cert_file), read_key(key_file)) {
        (Ok(chain), Ok(key)) => {
            if let Err(error) = server_config(chain, key) {
                mistakes.add("tls.key_file", error.to_string());
            }
        }
        (chain, key) => {
            for (key, error) in [("tls.cert_file", chain.err()), ("tls.key_file", key.err())] {
                if let Some(error) = error {
                    mistakes.add(key, error.to_string());
                }
            }
        }
    }
}

/// Reads certificate and key; `None` when none are configured.
///
/// # Errors
/// When a file can't be read, or the two do not belong together.
pub fn load_tls(files: &TlsFiles) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let (Some(cert_file), Some(key_file)) = (&files.cert_file, &files.key_file) else {
        return Ok(None);
    };
    let config = server_config(read_chain(cert_file)?, read_key(key_file)?)?;
    Ok(Some(Arc::new(config)))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::File {
        path: path.to_owned(),
        what: "certificate",
        source,
    };
    let chain = CertificateDer::pem_file_iter(path).map_err(wrong)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    if chain.is_empty() {
        return Err(wrong(pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        what: "private key",
        source,
    })
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
