//! The directory store: plain rows, and rows that are compared and set.

mod names;
mod packages;
mod statements;
mod swap;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    Clock, DirectoryStore, PortError, PortResult,
    directory_store::{KeyPackageCount, KeyPackageRow, NameClaim, NameHash, NameRow},
};
use xchat_types::{AccountId, ClaimId, DeviceId, Millis};

use self::{
    statements::Statements,
    swap::{Swap, SwapTable},
};
use crate::{OpenError, ScyllaOptions, cas, cluster::Cluster, error::corrupt, migrator};

/// The distributed directory store.
#[derive(Debug)]
pub struct ScyllaDirectoryStore {
    cluster: Cluster,
    statements: Statements,
    clock: Arc<dyn Clock>,
}

impl ScyllaDirectoryStore {
    /// Connects, checks the schema, prepares every statement.
    pub async fn open(options: ScyllaOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let cluster = Cluster::connect(options).await?;
        migrator::check(&cluster).await?;
        let statements = Statements::prepare(&cluster).await?;
        Ok(Self {
            cluster,
            statements,
            clock,
        })
    }

    /// Within the time of conditional writes.
    async fn in_time<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        cas::in_time(&self.cluster, call).await
    }

    const fn accounts(&self) -> SwapTable<'_> {
        SwapTable {
            insert: &self.statements.insert_account,
            update: &self.statements.update_account,
            read: &self.statements.read_account_serial,
        }
    }

    const fn sessions(&self) -> SwapTable<'_> {
        SwapTable {
            insert: &self.statements.insert_session,
            update: &self.statements.update_session,
            read: &self.statements.read_session_serial,
        }
    }
}

fn minute_number(minute: u64) -> PortResult<i64> {
    i64::try_from(minute).map_err(|_| PortError::TooLarge("a minute has 63 bits"))
}

#[async_trait]
impl DirectoryStore for ScyllaDirectoryStore {
    async fn create_account(&self, account: AccountId, value: Bytes) -> PortResult<()> {
        let table = self.accounts();
        let creating = async {
            let swap = Swap::Create { value: &value };
            if self.swap(table, account.as_bytes(), swap).await? {
                return Ok(());
            }
            // There, with this value or another: an account is not deleted.
            let key = (account.as_bytes().as_slice(),);
            let held: Option<(Vec<u8>,)> = cas::read_back(&self.cluster, table.read, key).await?;
            if held.is_some_and(|(held,)| held == value) {
                return Ok(());
            }
            Err(PortError::Conflict("the account exists with another value"))
        };
        self.in_time(creating).await
    }

    async fn read_account(&self, account: AccountId) -> PortResult<Option<Bytes>> {
        let key = (account.as_bytes().as_slice(),);
        let row: Option<(Vec<u8>,)> = self.cluster.row(&self.statements.read_account, key).await?;
        Ok(row.map(|(value,)| Bytes::from(value)))
    }

    async fn swap_account(
        &self,
        account: AccountId,
        expected: Bytes,
        value: Bytes,
    ) -> PortResult<bool> {
        let swap = Swap::Replace {
            expected: &expected,
            value: &value,
        };
        let swapping = self.swap(self.accounts(), account.as_bytes(), swap);
        self.in_time(swapping).await
    }

    async fn write_device(
        &self,
        account: AccountId,
        device: DeviceId,
        value: Bytes,
    ) -> PortResult<()> {
        let (owner, id) = (account.as_bytes().as_slice(), device.as_bytes().as_slice());
        let row = (owner, id, value.as_ref());
        self.cluster
            .execute(&self.statements.write_device, row)
            .await?;
        self.cluster
            .execute(&self.statements.write_owner, (id, owner))
            .await?;
        Ok(())
    }

    async fn read_device(&self, device: DeviceId) -> PortResult<Option<(AccountId, Bytes)>> {
        let id = device.as_bytes().as_slice();
        let owner: Option<(Vec<u8>,)> =
            self.cluster.row(&self.statements.read_owner, (id,)).await?;
        let Some((owner,)) = owner else {
            return Ok(None);
        };
        let account =
            AccountId::try_from(owner.as_slice()).map_err(|_| corrupt("device_owners"))?;
        let row: Option<(Vec<u8>,)> = self
            .cluster
            .row(&self.statements.read_device, (owner.as_slice(), id))
            .await?;
        Ok(row.map(|(value,)| (account, Bytes::from(value))))
    }

    async fn list_devices(&self, account: AccountId) -> PortResult<Vec<(DeviceId, Bytes)>> {
        let key = (account.as_bytes().as_slice(),);
        let rows: Vec<(Vec<u8>, Vec<u8>)> = self
            .cluster
            .rows(&self.statements.list_devices, key, usize::MAX)
            .await?;
        rows.into_iter()
            .map(|(device, value)| {
                let device = DeviceId::try_from(device.as_slice());
                Ok((device.map_err(|_| corrupt("devices"))?, Bytes::from(value)))
            })
            .collect()
    }

    async fn claim_name(
        &self,
        name: NameHash,
        account: AccountId,
        now: Millis,
    ) -> PortResult<NameClaim> {
        self.in_time(self.take_name(name, account, now)).await
    }

    async fn read_name(&self, name: NameHash) -> PortResult<Option<NameRow>> {
        self.name_row(name).await
    }

    async fn release_name(
        &self,
        name: NameHash,
        account: AccountId,
        until: Millis,
    ) -> PortResult<()> {
        self.in_time(self.give_name_up(name, account, until)).await
    }

    async fn publish_key_packages(
        &self,
        device: DeviceId,
        rows: &[KeyPackageRow],
    ) -> PortResult<()> {
        self.publish(device, rows).await
    }

    async fn count_key_packages(
        &self,
        device: DeviceId,
        now: Millis,
    ) -> PortResult<Vec<KeyPackageCount>> {
        self.count(device, now).await
    }

    async fn claim_key_package(
        &self,
        device: DeviceId,
        suite: u16,
        claim: ClaimId,
        now: Millis,
    ) -> PortResult<Option<KeyPackageRow>> {
        let claiming = Box::pin(self.claim(device, (suite, claim), now));
        self.in_time(claiming).await
    }

    async fn swap_session(
        &self,
        device: DeviceId,
        expected: Option<Bytes>,
        value: Bytes,
    ) -> PortResult<bool> {
        let swap = match &expected {
            None => Swap::Create { value: &value },
            Some(expected) => Swap::Replace {
                expected,
                value: &value,
            },
        };
        let swapping = self.swap(self.sessions(), device.as_bytes(), swap);
        self.in_time(swapping).await
    }

    async fn read_session(&self, device: DeviceId) -> PortResult<Option<Bytes>> {
        let key = (device.as_bytes().as_slice(),);
        let row: Option<(Vec<u8>,)> = self.cluster.row(&self.statements.read_session, key).await?;
        Ok(row.map(|(value,)| Bytes::from(value)))
    }

    async fn append_revocation(&self, minute: u64, device: DeviceId) -> PortResult<()> {
        let row = (minute_number(minute)?, device.as_bytes().as_slice());
        self.cluster
            .execute(&self.statements.append_revocation, row)
            .await?;
        Ok(())
    }

    async fn read_revocations(&self, minute: u64) -> PortResult<Vec<DeviceId>> {
        let key = (minute_number(minute)?,);
        let rows: Vec<(Vec<u8>,)> = self
            .cluster
            .rows(&self.statements.read_revocations, key, usize::MAX)
            .await?;
        rows.into_iter()
            .map(|(device,)| {
                DeviceId::try_from(device.as_slice()).map_err(|_| corrupt("revocations"))
            })
            .collect()
    }
}
