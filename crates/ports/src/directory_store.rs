//! Accounts, devices, names, key packages, sessions and revocations: opaque blobs under clear keys.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use xchat_types::{AccountId, ClaimId, DeviceId, KeyPackageRef, Millis};

use crate::PortResult;

/// Keyed hash of a normalised username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameHash(pub [u8; 32]);

/// Who holds a name, and since when. `value` is opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameRow {
    pub account: AccountId,
    /// Set when the name was released: nobody may claim it until then.
    pub quarantined_until: Option<Millis>,
}

/// What became of a claim. An adapter resolves unknown outcomes before it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameClaim {
    /// The account holds the name now, or held it already.
    Held,
    Taken,
}

/// A published key package. Publishing never writes the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPackageRow {
    pub reference: KeyPackageRef,
    pub suite: u16,
    pub last_resort: bool,
    /// After this it is not handed out.
    pub usable_until: Millis,
    pub value: Bytes,
}

/// How many packages of a suite are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyPackageCount {
    pub suite: u16,
    pub one_time: u32,
    pub last_resort: bool,
}

#[async_trait]
pub trait DirectoryStore: Send + Sync + fmt::Debug {
    /// Writes the account if it is not there; the same value again is success, another one is
    /// `Conflict`.
    async fn create_account(&self, account: AccountId, value: Bytes) -> PortResult<()>;
    async fn read_account(&self, account: AccountId) -> PortResult<Option<Bytes>>;
    /// Replaces an account's value if the stored one is `expected`; `false` if it is not, or if
    /// there is no such account. An adapter resolves unknown outcomes before it answers.
    async fn swap_account(
        &self,
        account: AccountId,
        expected: Bytes,
        value: Bytes,
    ) -> PortResult<bool>;

    /// Writes a device row and its way back from the device id.
    async fn write_device(
        &self,
        account: AccountId,
        device: DeviceId,
        value: Bytes,
    ) -> PortResult<()>;
    async fn read_device(&self, device: DeviceId) -> PortResult<Option<(AccountId, Bytes)>>;
    async fn list_devices(&self, account: AccountId) -> PortResult<Vec<(DeviceId, Bytes)>>;

    /// Compare-and-set: free, or past its quarantine, or the account's own.
    async fn claim_name(
        &self,
        name: NameHash,
        account: AccountId,
        now: Millis,
    ) -> PortResult<NameClaim>;
    async fn read_name(&self, name: NameHash) -> PortResult<Option<NameRow>>;
    /// Starts the quarantine of a name that the account holds; else nothing: a quarantine that
    /// has begun keeps its end.
    async fn release_name(
        &self,
        name: NameHash,
        account: AccountId,
        until: Millis,
    ) -> PortResult<()>;

    /// Plain inserts, idempotent by reference; a claimed one stays claimed.
    async fn publish_key_packages(
        &self,
        device: DeviceId,
        rows: &[KeyPackageRow],
    ) -> PortResult<()>;
    async fn count_key_packages(
        &self,
        device: DeviceId,
        now: Millis,
    ) -> PortResult<Vec<KeyPackageCount>>;
    /// Hands out one package at most once: compare-and-set of an unclaimed one, the same again for
    /// the same claim id, the last-resort one only when no other is left.
    async fn claim_key_package(
        &self,
        device: DeviceId,
        suite: u16,
        claim: ClaimId,
        now: Millis,
    ) -> PortResult<Option<KeyPackageRow>>;

    /// Replaces a session row if its stored value is `expected` (`None`: if there is none);
    /// `false` if it is not.
    async fn swap_session(
        &self,
        device: DeviceId,
        expected: Option<Bytes>,
        value: Bytes,
    ) -> PortResult<bool>;
    async fn read_session(&self, device: DeviceId) -> PortResult<Option<Bytes>>;

    /// Notes that a device is revoked, in a minute since the Unix epoch.
    async fn append_revocation(&self, minute: u64, device: DeviceId) -> PortResult<()>;
    async fn read_revocations(&self, minute: u64) -> PortResult<Vec<DeviceId>>;
}
