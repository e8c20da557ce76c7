//! The device's row.

use bytes::Bytes;
use xchat_crypto::{Certificate, PublicKey};
use xchat_proto::{Message, events::DeviceRow};
use xchat_types::Millis;

use crate::error::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) certificate: Certificate,
    pub(crate) registered_at: Millis,
    pub(crate) revoked_at: Option<Millis>,
}

impl Device {
    pub(crate) const fn key(&self) -> PublicKey {
        self.certificate.device()
    }

    pub(crate) const fn is_active(&self) -> bool {
        self.revoked_at.is_none()
    }

    pub(crate) fn to_row(self) -> Bytes {
        DeviceRow {
            certificate: self.certificate.to_bytes().into(),
            registered_at_ms: self.registered_at.0,
            revoked_at_ms: self.revoked_at.map_or(0, |at| at.0),
        }
        .encode_to_vec()
        .into()
    }

    pub(crate) fn from_row(bytes: &[u8]) -> Result<Self, Error> {
        let row = DeviceRow::decode(bytes).map_err(|_| Error::Corrupt("device"))?;
        let certificate = Certificate::from_bytes(&row.certificate);
        Ok(Self {
            certificate: certificate.map_err(|_| Error::Corrupt("certificate"))?,
            registered_at: Millis(row.registered_at_ms),
            revoked_at: (row.revoked_at_ms > 0).then_some(Millis(row.revoked_at_ms)),
        })
    }
}
