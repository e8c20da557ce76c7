//! This device: its key, and the credential that goes into its leaves.

use std::fmt;

use openmls::prelude::{BasicCredential, CredentialWithKey, SignatureScheme};
use openmls_traits::signatures::{Signer, SignerError};
use xchat_crypto::{Certificate, SecretKey, derive};
use xchat_types::{AccountId, DeviceId};

use crate::{
    credential::{self, CredentialError, LeafIndex},
    wire::CredentialBytes,
};

/// What signs for a device in all its groups.
#[derive(Clone)]
pub struct Device {
    key: SecretKey,
    account: AccountId,
    id: DeviceId,
    credential: CredentialBytes,
}

impl Device {
    /// `certificates`: the device's, then its signer's if that is not the root. Refuses what other
    /// devices would refuse.
    pub fn new(
        key: SecretKey,
        account: AccountId,
        certificates: &[Certificate],
    ) -> Result<Self, CredentialError> {
        let public = key.public();
        let id = derive::device_id(&public);
        let credential = credential::encode(&account, &id, certificates);
        credential::verify_leaf(LeafIndex(0), &credential, public.as_ref())?;
        Ok(Self {
            key,
            account,
            id,
            credential,
        })
    }

    pub const fn account(&self) -> AccountId {
        self.account
    }

    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// Signs control records, logins and the like, which are not MLS's.
    pub const fn key(&self) -> &SecretKey {
        &self.key
    }

    pub(crate) fn credential_with_key(&self) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(self.credential.as_bytes().to_vec()).into(),
            signature_key: self.key.public().as_ref().into(),
        }
    }
}

impl Signer for Device {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.key.sign_unlabelled(payload).as_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("account", &self.account)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
