//! Who this device is: its keys, its certificate and its account.

use serde::{Deserialize, Serialize};
use xchat_crypto::{Certificate, Phrase, PublicKey, SecretKey, certificate::Grant, derive};
use xchat_mls::Device;
use xchat_types::{AccountId, DeviceId, Millis, ServerId};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    row::{RowError, RowKey, Table, blob, decode, encode},
    unit::Unit,
};

/// Stored once a new account has its keys, before the server hears of them: registering again with
/// the same keys is success.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct IdentityRow {
    #[serde(with = "blob")]
    device_seed: [u8; 32],
    #[serde(with = "blob")]
    #[zeroize(skip)]
    root: [u8; 32],
    /// Kept unless the person wants it on paper only.
    #[serde(with = "blob")]
    root_seed: Vec<u8>,
    /// Empty until the server's time is known for the first time.
    #[serde(with = "blob")]
    #[zeroize(skip)]
    certificate: Vec<u8>,
    #[zeroize(skip)]
    pub(crate) registered: bool,
    #[zeroize(skip)]
    pub(crate) username: Option<String>,
    /// Pinned with the first Hello after the keys exist.
    #[zeroize(skip)]
    pub(crate) server: Option<ServerId>,
    /// What registration asks for until it has succeeded.
    #[zeroize(skip)]
    pub(crate) wanted_username: Option<String>,
    #[zeroize(skip)]
    pub(crate) invite: Option<String>,
    /// The words, until the person has seen them; empty afterwards.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    phrase: String,
}

/// The row and what it leads to.
pub(crate) struct Identity {
    pub(crate) row: IdentityRow,
    pub(crate) account: AccountId,
    root: PublicKey,
    key: SecretKey,
    /// From the certificate on.
    pub(crate) device: Option<Device>,
    /// In this process only: what certifies the device where the root key is not kept.
    root_key: Option<SecretKey>,
}

impl Identity {
    /// New keys. Nothing is stored yet.
    pub(crate) fn create(root_key: SecretKey, keep_root: bool, device_seed: [u8; 32]) -> Self {
        let root = root_key.public();
        let root_seed = if keep_root {
            root_key.seed().to_vec()
        } else {
            Vec::new()
        };
        let row = IdentityRow {
            device_seed,
            root: *root.as_bytes(),
            root_seed,
            certificate: Vec::new(),
            registered: false,
            username: None,
            server: None,
            wanted_username: None,
            invite: None,
            phrase: String::new(),
        };
        Self {
            account: derive::account_id(&root),
            root,
            key: SecretKey::from_seed(device_seed),
            device: None,
            root_key: Some(root_key),
            row,
        }
    }

    /// New keys of a phrase that its person has not seen. Nothing is stored yet.
    pub(crate) fn of_phrase(phrase: &Phrase, keep_root: bool, device_seed: [u8; 32]) -> Self {
        let mut identity = Self::create(phrase.root_key(), keep_root, device_seed);
        identity.row.phrase = phrase.text().to_string();
        identity
    }

    pub(crate) fn unseen_phrase(&self) -> Option<Phrase> {
        Phrase::parse(&self.row.phrase).ok()
    }

    pub(crate) fn forget_phrase(&mut self, unit: &mut Unit) {
        if !self.row.phrase.is_empty() {
            self.row.phrase.zeroize();
            self.store(unit);
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RowError> {
        let row: IdentityRow = decode("identity", bytes)?;
        let root = PublicKey::new(row.root);
        let seed = <[u8; 32]>::try_from(row.root_seed.as_slice()).ok();
        let root_key = seed.map(SecretKey::from_seed).or_else(|| {
            // Not kept, but the words that give it are still here.
            Some(Phrase::parse(&row.phrase).ok()?.root_key())
        });
        let mut identity = Self {
            account: derive::account_id(&root),
            root,
            key: SecretKey::from_seed(row.device_seed),
            device: None,
            root_key,
            row,
        };
        if !identity.row.certificate.is_empty() {
            let device = identity.open_device();
            identity.device = Some(device.ok_or(RowError("identity"))?);
        }
        Ok(identity)
    }

    fn open_device(&self) -> Option<Device> {
        let certificate = Certificate::from_bytes(&self.row.certificate).ok()?;
        Device::new(self.key.clone(), self.account, &[certificate]).ok()
    }

    pub(crate) fn store(&self, unit: &mut Unit) {
        unit.set(RowKey::device(Table::Identity), encode(&self.row));
    }

    pub(crate) const fn root(&self) -> PublicKey {
        self.root
    }

    pub(crate) const fn key(&self) -> &SecretKey {
        &self.key
    }

    pub(crate) fn device_id(&self) -> DeviceId {
        derive::device_id(&self.key.public())
    }

    /// The certificate's bytes, issued now if there is none. `None` where the root key is gone,
    /// which a process that was told the phrase does not meet.
    pub(crate) fn certificate(&mut self, server_time: Millis) -> Option<Zeroizing<Vec<u8>>> {
        if self.row.certificate.is_empty() {
            let grant = Grant {
                root: self.root,
                device: self.key.public(),
                not_before: server_time,
                may_certify: true,
            };
            let certificate = Certificate::issue(&grant, self.root_key.as_ref()?);
            self.row.certificate = certificate.to_bytes();
            self.device = self.open_device();
        }
        Some(Zeroizing::new(self.row.certificate.clone()))
    }

    /// Gives the root key back to an identity whose store does not hold it.
    pub(crate) fn offer_root(&mut self, root_key: SecretKey) {
        if self.root_key.is_none() && root_key.public() == self.root {
            self.root_key = Some(root_key);
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("account", &self.account)
            .field("registered", &self.row.registered)
            .finish_non_exhaustive()
    }
}
