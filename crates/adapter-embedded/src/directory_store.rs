//! The directory store on fjall. It has no log behind it, so it syncs before it answers.
//!
//! Every write takes one lock over its read, its decision and its batch, and then waits for a sync
//! outside of it, which is shared by all that wait. Reads may see what is not synced yet: whoever
//! wrote that has no answer yet.

mod packages;
mod rows;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use fjall::{Keyspace, OwnedWriteBatch};
use xchat_ports::{
    Clock, DirectoryStore, PortError, PortResult,
    directory_store::{KeyPackageCount, KeyPackageRow, NameClaim, NameHash, NameRow},
};
use xchat_types::{AccountId, ClaimId, DeviceId, Millis};

use crate::{
    OpenError,
    engine::{Engine, Fault, Opened, Tables, blocking},
    expiry,
    group_sync::GroupSync,
};

/// Revocations are read for some minutes; a day covers every verifier's gap.
const REVOCATION_MS: u64 = 24 * 3_600_000;

struct DirectoryTables {
    accounts: Keyspace,
    /// account ‖ device.
    devices: Keyspace,
    /// device → account.
    device_accounts: Keyspace,
    usernames: Keyspace,
    key_packages: Keyspace,
    claims: Keyspace,
    known_packages: Keyspace,
    sessions: Keyspace,
    /// minute ‖ device.
    revocations: Keyspace,
}

impl Tables for DirectoryTables {
    fn open(open: impl Fn(&str) -> fjall::Result<Keyspace>) -> fjall::Result<Self> {
        Ok(Self {
            accounts: open("accounts")?,
            devices: open("devices")?,
            device_accounts: open("device_accounts")?,
            usernames: open("usernames")?,
            key_packages: open("key_packages")?,
            claims: open("claims")?,
            known_packages: open("known_packages")?,
            sessions: open("sessions")?,
            revocations: open("revocations")?,
        })
    }
}

type Database = Opened<DirectoryTables>;

/// The embedded directory store. Clones share it; the last one closes it.
#[derive(Clone, Debug)]
pub struct EmbeddedDirectoryStore {
    store: Arc<Store>,
}

#[derive(Debug)]
struct Store {
    engine: Engine<DirectoryTables>,
    clock: Arc<dyn Clock>,
    /// Held from the read that decides to the write.
    deciding: Mutex<()>,
    sync: GroupSync,
}

impl Store {
    /// Runs a decision and its batch, then waits until it is synced.
    fn write<R>(
        &self,
        decide: impl FnOnce(&Database, &mut OwnedWriteBatch) -> Result<R, Fault>,
    ) -> PortResult<R> {
        let deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = self.engine.write(|opened| {
            let mut batch = opened.database.batch();
            let answer = decide(opened, &mut batch)?;
            if !batch.is_empty() {
                batch.commit()?;
                self.sync.wrote();
            }
            Ok(answer)
        });
        drop(deciding);
        let answer = answer?;
        // Also where nothing was written: the answer may rest on what another has not synced yet.
        self.sync.wait(|| self.engine.sync())?;
        Ok(answer)
    }
}

impl EmbeddedDirectoryStore {
    /// Opens the store in a folder of its own, or begins one. Blocks.
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Arc::new(Store {
            engine: Engine::open(folder, Arc::clone(&clock))?,
            clock,
            deciding: Mutex::new(()),
            sync: GroupSync::default(),
        });
        Ok(Self { store })
    }

    /// Whether another handle, or work that its caller no longer waits for, still uses the store.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.store) > 1
    }

    /// Runs a hook after each sync. For tests.
    #[cfg(feature = "faults")]
    pub fn on_sync(&self, hook: crate::SyncHook) {
        self.store.engine.on_sync(hook);
    }

    async fn read<R: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<R, Fault> + Send + 'static,
    ) -> PortResult<R> {
        let store = Arc::clone(&self.store);
        blocking(move || store.engine.read(work)).await
    }

    async fn write<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&Database, &mut OwnedWriteBatch) -> Result<R, Fault> + Send + 'static,
    ) -> PortResult<R> {
        let store = Arc::clone(&self.store);
        blocking(move || store.write(decide)).await
    }
}

fn read_value(table: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<Bytes>, Fault> {
    let row = table.get(key)?;
    Ok(row.and_then(|row| expiry::decode_bytes(&row, Millis(0))))
}

fn read_name(opened: &Database, name: NameHash) -> Result<Option<NameRow>, Fault> {
    let value = read_value(&opened.tables.usernames, name.0)?;
    value
        .map(|value| rows::decode_name(&value).ok_or(Fault::Row("usernames")))
        .transpose()
}

fn device_key(account: AccountId, device: DeviceId) -> Vec<u8> {
    [account.as_ref(), device.as_ref()].concat()
}

/// The device id that ends a key.
fn device_of(key: &[u8], table: &'static str) -> Result<DeviceId, Fault> {
    let id = key.last_chunk().ok_or(Fault::Row(table))?;
    Ok(DeviceId::new(*id))
}

/// Replaces a row if its value is the expected one.
fn swap(
    batch: &mut OwnedWriteBatch,
    table: &Keyspace,
    key: &[u8],
    (expected, value): (Option<Bytes>, &[u8]),
) -> Result<bool, Fault> {
    let holds = read_value(table, key)? == expected;
    if holds {
        batch.insert(table, key, expiry::lasting(value));
    }
    Ok(holds)
}

#[async_trait]
impl DirectoryStore for EmbeddedDirectoryStore {
    async fn create_account(&self, account: AccountId, value: Bytes) -> PortResult<()> {
        let same = self
            .write(move |opened, batch| {
                let table = &opened.tables.accounts;
                let held = read_value(table, account)?;
                if held.is_none() {
                    batch.insert(table, account.as_ref(), expiry::lasting(&value));
                }
                Ok(held.is_none_or(|held| held == value))
            })
            .await?;
        if same {
            Ok(())
        } else {
            Err(PortError::Conflict("the account exists with another value"))
        }
    }

    async fn read_account(&self, account: AccountId) -> PortResult<Option<Bytes>> {
        self.read(move |opened| read_value(&opened.tables.accounts, account))
            .await
    }

    async fn swap_account(
        &self,
        account: AccountId,
        expected: Bytes,
        value: Bytes,
    ) -> PortResult<bool> {
        self.write(move |opened, batch| {
            let table = &opened.tables.accounts;
            swap(batch, table, account.as_ref(), (Some(expected), &value))
        })
        .await
    }

    async fn write_device(
        &self,
        account: AccountId,
        device: DeviceId,
        value: Bytes,
    ) -> PortResult<()> {
        self.write(move |opened, batch| {
            let tables = &opened.tables;
            let (owner, row) = (expiry::lasting(account.as_ref()), expiry::lasting(&value));
            batch.insert(&tables.device_accounts, device.as_ref(), owner);
            batch.insert(&tables.devices, device_key(account, device), row);
            Ok(())
        })
        .await
    }

    async fn read_device(&self, device: DeviceId) -> PortResult<Option<(AccountId, Bytes)>> {
        self.read(move |opened| {
            let Some(owner) = read_value(&opened.tables.device_accounts, device)? else {
                return Ok(None);
            };
            let account =
                AccountId::try_from(&*owner).map_err(|_| Fault::Row("device_accounts"))?;
            let value = read_value(&opened.tables.devices, device_key(account, device))?;
            Ok(value.map(|value| (account, value)))
        })
        .await
    }

    async fn list_devices(&self, account: AccountId) -> PortResult<Vec<(DeviceId, Bytes)>> {
        self.read(move |opened| {
            let mut found = Vec::new();
            for guard in opened.tables.devices.prefix(account) {
                let (key, row) = guard.into_inner()?;
                let value = expiry::decode_bytes(&row, Millis(0)).ok_or(Fault::Row("devices"))?;
                found.push((device_of(&key, "devices")?, value));
            }
            Ok(found)
        })
        .await
    }

    async fn claim_name(
        &self,
        name: NameHash,
        account: AccountId,
        now: Millis,
    ) -> PortResult<NameClaim> {
        self.write(move |opened, batch| {
            let free = read_name(opened, name)?.is_none_or(|row| {
                row.account == account || row.quarantined_until.is_some_and(|until| until <= now)
            });
            if !free {
                return Ok(NameClaim::Taken);
            }
            let row = NameRow {
                account,
                quarantined_until: None,
            };
            let row = expiry::lasting(&rows::encode_name(&row));
            batch.insert(&opened.tables.usernames, name.0, row);
            Ok(NameClaim::Held)
        })
        .await
    }

    async fn read_name(&self, name: NameHash) -> PortResult<Option<NameRow>> {
        self.read(move |opened| read_name(opened, name)).await
    }

    async fn release_name(
        &self,
        name: NameHash,
        account: AccountId,
        until: Millis,
    ) -> PortResult<()> {
        self.write(move |opened, batch| {
            let held = read_name(opened, name)?
                .filter(|row| row.account == account && row.quarantined_until.is_none());
            if let Some(row) = held {
                let row = NameRow {
                    quarantined_until: Some(until),
                    ..row
                };
                let row = expiry::lasting(&rows::encode_name(&row));
                batch.insert(&opened.tables.usernames, name.0, row);
            }
            Ok(())
        })
        .await
    }

    async fn publish_key_packages(
        &self,
        device: DeviceId,
        rows: &[KeyPackageRow],
    ) -> PortResult<()> {
        let now = self.store.clock.now();
        let rows = rows.to_vec();
        self.write(move |opened, batch| {
            rows.iter()
                .try_for_each(|row| packages::publish(batch, opened, (device, row), now))
        })
        .await
    }

    async fn count_key_packages(
        &self,
        device: DeviceId,
        now: Millis,
    ) -> PortResult<Vec<KeyPackageCount>> {
        self.read(move |opened| packages::count(opened, device, now))
            .await
    }

    async fn claim_key_package(
        &self,
        device: DeviceId,
        suite: u16,
        claim: ClaimId,
        now: Millis,
    ) -> PortResult<Option<KeyPackageRow>> {
        self.write(move |opened, batch| packages::claim(batch, opened, (device, suite, claim), now))
            .await
    }

    async fn swap_session(
        &self,
        device: DeviceId,
        expected: Option<Bytes>,
        value: Bytes,
    ) -> PortResult<bool> {
        self.write(move |opened, batch| {
            let table = &opened.tables.sessions;
            swap(batch, table, device.as_ref(), (expected, &value))
        })
        .await
    }

    async fn read_session(&self, device: DeviceId) -> PortResult<Option<Bytes>> {
        self.read(move |opened| read_value(&opened.tables.sessions, device))
            .await
    }

    async fn append_revocation(&self, minute: u64, device: DeviceId) -> PortResult<()> {
        self.write(move |opened, batch| {
            let ends = Millis(minute.saturating_mul(60_000)).saturating_add(REVOCATION_MS);
            // Kept by the minute that it is filed under, whatever the clock says.
            if let Some(row) = expiry::encode(Some(ends), Millis(0), &[]) {
                let key = [&minute.to_be_bytes()[..], device.as_ref()].concat();
                batch.insert(&opened.tables.revocations, key, row);
            }
            Ok(())
        })
        .await
    }

    async fn read_revocations(&self, minute: u64) -> PortResult<Vec<DeviceId>> {
        self.read(move |opened| {
            let prefix = minute.to_be_bytes();
            opened
                .tables
                .revocations
                .prefix(prefix)
                .map(|guard| device_of(&guard.key()?, "revocations"))
                .collect()
        })
        .await
    }
}
