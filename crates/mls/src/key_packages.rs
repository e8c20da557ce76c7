//! This device's own key packages, with their private keys.

use openmls::prelude::KeyPackage;
use thiserror::Error;
use tls_codec::Serialize as _;
use xchat_types::{KeyPackageRef, Millis};

use crate::{
    device::Device,
    extensions, key_package, lifetime,
    rows::{RowChange, Rows},
    store::{self, Provider},
    suite::Suite,
    wire::KeyPackageBytes,
};

/// A key package could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key package could not be made")]
pub struct KeyPackageNotMade;

/// A key package to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKeyPackage {
    pub reference: KeyPackageRef,
    pub bytes: KeyPackageBytes,
}

/// The rows of the device's scope. A one-time package goes when a welcome is opened with it; a
/// last-resort one stays.
#[derive(Debug)]
pub struct KeyPackages {
    provider: Provider,
}

impl KeyPackages {
    pub fn load(rows: Rows) -> Self {
        Self {
            provider: Provider::with_packages(rows),
        }
    }

    /// Makes a package that is lawful from `now` (the server's time) on for 37 days.
    pub fn generate(
        &mut self,
        device: &Device,
        suite: Suite,
        now: Millis,
        last_resort: bool,
    ) -> Result<NewKeyPackage, KeyPackageNotMade> {
        let ciphersuite = suite.ciphersuite().ok_or(KeyPackageNotMade)?;
        let mut builder = KeyPackage::builder()
            .leaf_node_capabilities(extensions::capabilities(suite))
            .key_package_lifetime(lifetime::starting(now));
        if last_resort {
            builder = builder.mark_as_last_resort();
        }
        let made = builder
            .build(
                ciphersuite,
                &self.provider,
                device,
                device.credential_with_key(),
            )
            .map_err(|_| KeyPackageNotMade)?;
        self.describe(made.key_package()).ok_or(KeyPackageNotMade)
    }

    fn describe(&self, package: &KeyPackage) -> Option<NewKeyPackage> {
        let crypto = openmls_traits::OpenMlsProvider::crypto(&self.provider);
        let hash = package.hash_ref(crypto).ok()?;
        Some(NewKeyPackage {
            reference: key_package::reference(hash.as_slice())?,
            bytes: package.tls_serialize_detached().ok()?.into(),
        })
    }

    /// The packages whose private keys the device holds, of all suites.
    pub fn references(&mut self) -> Vec<KeyPackageRef> {
        let rows = self.provider.packages().keys();
        rows.filter_map(|row| reference_of(row)).collect()
    }

    /// Forgets a package that can no longer be used, and its private keys.
    pub fn forget(&mut self, reference: &KeyPackageRef) {
        let rows = self.provider.packages();
        let found = rows
            .keys()
            .find(|row| reference_of(row) == Some(*reference))
            .cloned();
        if let Some(row) = found {
            rows.delete(&row);
        }
    }

    /// To be persisted with whatever the step did.
    pub fn take_changes(&mut self) -> Vec<RowChange> {
        self.provider.packages().take_changes()
    }

    pub(crate) fn lend(&mut self) -> Rows {
        std::mem::take(self.provider.packages())
    }

    pub(crate) fn give_back(&mut self, rows: Rows) {
        *self.provider.packages() = rows;
    }
}

fn reference_of(row: &[u8]) -> Option<KeyPackageRef> {
    key_package::reference(store::key_package_of(row)?.as_slice())
}
