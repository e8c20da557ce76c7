//! The directory store.

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    DirectoryStore, PortResult,
    directory_store::{KeyPackageCount, KeyPackageRow, NameClaim, NameHash, NameRow},
};
use xchat_types::{AccountId, ClaimId, DeviceId, Millis};

use super::{Metered, timed};
use crate::metrics::Call;

#[async_trait]
impl DirectoryStore for Metered<dyn DirectoryStore> {
    async fn create_account(&self, account: AccountId, value: Bytes) -> PortResult<()> {
        timed(
            Call::DirectoryCreateAccount,
            self.0.create_account(account, value),
        )
        .await
    }

    async fn read_account(&self, account: AccountId) -> PortResult<Option<Bytes>> {
        timed(Call::DirectoryReadAccount, self.0.read_account(account)).await
    }

    async fn swap_account(
        &self,
        account: AccountId,
        expected: Bytes,
        value: Bytes,
    ) -> PortResult<bool> {
        timed(
            Call::DirectorySwapAccount,
            self.0.swap_account(account, expected, value),
        )
        .await
    }

    async fn write_device(
        &self,
        account: AccountId,
        device: DeviceId,
        value: Bytes,
    ) -> PortResult<()> {
        timed(
            Call::DirectoryWriteDevice,
            self.0.write_device(account, device, value),
        )
        .await
    }

    async fn read_device(&self, device: DeviceId) -> PortResult<Option<(AccountId, Bytes)>> {
        timed(Call::DirectoryReadDevice, self.0.read_device(device)).await
    }

    async fn list_devices(&self, account: AccountId) -> PortResult<Vec<(DeviceId, Bytes)>> {
        timed(Call::DirectoryListDevices, self.0.list_devices(account)).await
    }

    async fn claim_name(
        &self,
        name: NameHash,
        account: AccountId,
        now: Millis,
    ) -> PortResult<NameClaim> {
        timed(
            Call::DirectoryClaimName,
            self.0.claim_name(name, account, now),
        )
        .await
    }

    async fn read_name(&self, name: NameHash) -> PortResult<Option<NameRow>> {
        timed(Call::DirectoryReadName, self.0.read_name(name)).await
    }

    async fn release_name(
        &self,
        name: NameHash,
        account: AccountId,
        until: Millis,
    ) -> PortResult<()> {
        timed(
            Call::DirectoryReleaseName,
            self.0.release_name(name, account, until),
        )
        .await
    }

    async fn publish_key_packages(
        &self,
        device: DeviceId,
        rows: &[KeyPackageRow],
    ) -> PortResult<()> {
        timed(
            Call::DirectoryPublishKeyPackages,
            self.0.publish_key_packages(device, rows),
        )
        .await
    }

    async fn count_key_packages(
        &self,
        device: DeviceId,
        now: Millis,
    ) -> PortResult<Vec<KeyPackageCount>> {
        timed(
            Call::DirectoryCountKeyPackages,
            self.0.count_key_packages(device, now),
        )
        .await
    }

    async fn claim_key_package(
        &self,
        device: DeviceId,
        suite: u16,
        claim: ClaimId,
        now: Millis,
    ) -> PortResult<Option<KeyPackageRow>> {
        timed(
            Call::DirectoryClaimKeyPackage,
            self.0.claim_key_package(device, suite, claim, now),
        )
        .await
    }

    async fn swap_session(
        &self,
        device: DeviceId,
        expected: Option<Bytes>,
        value: Bytes,
    ) -> PortResult<bool> {
        timed(
            Call::DirectorySwapSession,
            self.0.swap_session(device, expected, value),
        )
        .await
    }

    async fn read_session(&self, device: DeviceId) -> PortResult<Option<Bytes>> {
        timed(Call::DirectoryReadSession, self.0.read_session(device)).await
    }

    async fn append_revocation(&self, minute: u64, device: DeviceId) -> PortResult<()> {
        timed(
            Call::DirectoryAppendRevocation,
            self.0.append_revocation(minute, device),
        )
        .await
    }

    async fn read_revocations(&self, minute: u64) -> PortResult<Vec<DeviceId>> {
        timed(
            Call::DirectoryReadRevocations,
            self.0.read_revocations(minute),
        )
        .await
    }
}
