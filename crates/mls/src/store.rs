//! OpenMLS's storage over rows in memory, and the provider that carries it.
//!
//! OpenMLS writes its state in many small steps. Here they only change maps; the client engine
//! takes the difference after a whole step and persists it with plaintext and cursor at once.

mod provider;

use std::{cell::RefCell, fmt};

use openmls::prelude::KeyPackageRef;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::OpenMlsProvider;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::rows::{RowKey, Rows};

/// What rows hold, first byte of their keys, stored: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    KeyPackage = 1,
    Tree = 2,
    Context = 3,
    InterimHash = 4,
    ConfirmationTag = 5,
    GroupState = 6,
    MessageSecrets = 7,
    ResumptionSecrets = 8,
    OwnLeafIndex = 9,
    EpochSecrets = 10,
    JoinConfig = 11,
    EpochKeyPairs = 12,
    EncryptionKeyPair = 13,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum StoreError {
    #[error("a row cannot be decoded")]
    Undecodable,
    #[error("a row cannot be encoded")]
    Unencodable,
    /// We queue no proposals, keep no pre-shared keys and hold signature keys ourselves.
    #[error("OpenMLS asked to store what we do not use")]
    Unused,
}

/// Key packages belong to the device, everything else to one group.
#[derive(Debug, Default)]
pub(crate) struct Store {
    packages: RefCell<Rows>,
    group: RefCell<Rows>,
}

impl Store {
    const fn scope(&self, kind: Kind) -> &RefCell<Rows> {
        match kind {
            Kind::KeyPackage => &self.packages,
            Kind::Tree
            | Kind::Context
            | Kind::InterimHash
            | Kind::ConfirmationTag
            | Kind::GroupState
            | Kind::MessageSecrets
            | Kind::ResumptionSecrets
            | Kind::OwnLeafIndex
            | Kind::EpochSecrets
            | Kind::JoinConfig
            | Kind::EpochKeyPairs
            | Kind::EncryptionKeyPair => &self.group,
        }
    }

    fn write(
        &self,
        kind: Kind,
        id: &impl Serialize,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), StoreError> {
        let mut bytes = Zeroizing::new(Vec::new());
        ciborium::into_writer(value, &mut *bytes).map_err(|_| StoreError::Unencodable)?;
        self.scope(kind).borrow_mut().put(key(kind, id)?, bytes);
        Ok(())
    }

    fn read<T: DeserializeOwned>(
        &self,
        kind: Kind,
        id: &impl Serialize,
    ) -> Result<Option<T>, StoreError> {
        let rows = self.scope(kind).borrow();
        let Some(bytes) = rows.get(&key(kind, id)?) else {
            return Ok(None);
        };
        ciborium::from_reader(bytes.as_slice())
            .map(Some)
            .map_err(|_| StoreError::Undecodable)
    }

    fn delete(&self, kind: Kind, id: &impl Serialize) -> Result<(), StoreError> {
        self.scope(kind).borrow_mut().delete(&key(kind, id)?);
        Ok(())
    }
}

/// Kind ‖ OpenMLS's own key as CBOR.
fn key(kind: Kind, id: &impl Serialize) -> Result<RowKey, StoreError> {
    let mut bytes = vec![kind as u8];
    ciborium::into_writer(id, &mut bytes).map_err(|_| StoreError::Unencodable)?;
    Ok(bytes)
}

/// The MLS reference of the key package that a row holds.
pub(crate) fn key_package_of(row: &[u8]) -> Option<KeyPackageRef> {
    let reference = row.strip_prefix(&[Kind::KeyPackage as u8])?;
    ciborium::from_reader(reference).ok()
}

/// What OpenMLS works with: its own cryptography and randomness, our rows.
#[derive(Default)]
pub(crate) struct Provider {
    crypto: RustCrypto,
    store: Store,
}

impl Provider {
    pub(crate) fn with_packages(packages: Rows) -> Self {
        let provider = Self::default();
        provider.store.packages.replace(packages);
        provider
    }

    pub(crate) fn with_group(group: Rows) -> Self {
        let provider = Self::default();
        provider.store.group.replace(group);
        provider
    }

    pub(crate) fn packages(&mut self) -> &mut Rows {
        self.store.packages.get_mut()
    }

    pub(crate) fn group(&mut self) -> &mut Rows {
        self.store.group.get_mut()
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = RustCrypto;
    type RandProvider = RustCrypto;
    type StorageProvider = Store;

    fn storage(&self) -> &Store {
        &self.store
    }

    fn crypto(&self) -> &RustCrypto {
        &self.crypto
    }

    fn rand(&self) -> &RustCrypto {
        &self.crypto
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Provider").field(&self.store).finish()
    }
}
