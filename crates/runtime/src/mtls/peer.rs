//! Who the other end is: the roles in its certificate.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

const SUFFIX: &str = ".xchat.internal";

/// Roles that a connection's certificate names. Stands in the extensions of each request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller(Arc<[String]>);

impl Caller {
    pub(super) fn of(certificate: Option<&CertificateDer<'_>>) -> Self {
        let Some(certificate) = certificate.and_then(|der| EndEntityCert::try_from(der).ok())
        else {
            return Self::default();
        };
        certificate
            .valid_dns_names()
            .filter_map(|name| name.strip_suffix(SUFFIX))
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .into()
    }

    pub(super) fn is_one_of(&self, roles: &[&str]) -> bool {
        self.0.iter().any(|role| roles.contains(&role.as_str()))
    }
}

impl From<Vec<String>> for Caller {
    fn from(roles: Vec<String>) -> Self {
        Self(roles.into())
    }
}

/// The name that a role's certificate must have; `None` if a role could not be one.
pub(crate) fn server_name(role: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(format!("{role}{SUFFIX}")).ok()
}
