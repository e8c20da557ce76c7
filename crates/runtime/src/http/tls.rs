//! TLS of the public listener: 1.3 only, hybrid post-quantum key exchange preferred.

use std::{path::PathBuf, sync::Arc};

use rustls::{ServerConfig, crypto::aws_lc_rs, version::TLS13};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};
use thiserror::Error;

use super::TlsFiles;

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

/// Reads certificate and key; `None` when none are configured.
///
/// # Errors
/// When a file can't be read, or the two do not belong together.
pub fn load_tls(files: &TlsFiles) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let (Some(cert_file), Some(key_file)) = (&files.cert_file, &files.key_file) else {
        return Ok(None);
    };
    let certificate_error = |source| TlsError::File {
        path: cert_file.clone(),
        what: "certificate",
        source,
    };
    let chain = CertificateDer::pem_file_iter(cert_file)
        .map_err(certificate_error)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(certificate_error)?;
    if chain.is_empty() {
        return Err(certificate_error(pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(key_file).map_err(|source| TlsError::File {
        path: key_file.clone(),
        what: "private key",
        source,
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(config)))
}
