//! A directory in memory. Every compare-and-set happens under one lock, as an engine's Paxos or
//! an embedded store's write lock would have it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use xchat_ports::{
    DirectoryStore, PortError, PortResult,
    directory_store::{KeyPackageCount, KeyPackageRow, NameClaim, NameHash, NameRow},
};
use xchat_types::{AccountId, ClaimId, DeviceId, KeyPackageRef, Millis};

use crate::{
    Faults,
    faults::{Dice, Fate, injected},
    lock,
};

/// Clones share one directory.
#[derive(Clone, Debug)]
pub struct MemoryDirectoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    dice: Dice,
    tables: Tables,
}

#[derive(Debug, Default)]
struct Tables {
    accounts: BTreeMap<AccountId, Bytes>,
    devices: BTreeMap<(AccountId, DeviceId), Bytes>,
    owners: BTreeMap<DeviceId, AccountId>,
    names: BTreeMap<NameHash, NameRow>,
    packages: BTreeMap<(DeviceId, KeyPackageRef), Package>,
    claims: BTreeMap<(DeviceId, u16, ClaimId), KeyPackageRow>,
    sessions: BTreeMap<DeviceId, Bytes>,
    revocations: BTreeSet<(u64, DeviceId)>,
}

#[derive(Debug)]
struct Package {
    row: KeyPackageRow,
    claimed: bool,
}

impl Default for MemoryDirectoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDirectoryStore {
    pub fn new() -> Self {
        Self::with_faults(Faults::none())
    }

    pub fn with_faults(faults: Faults) -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                dice: Dice::new(faults),
                tables: Tables::default(),
            })),
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        lock(&self.state).dice = Dice::new(faults);
    }

    /// Runs a call on the tables; an unknown outcome does it and hides the answer.
    fn call<T>(&self, run: impl FnOnce(&mut Tables) -> PortResult<T>) -> PortResult<T> {
        let mut state = lock(&self.state);
        let fate = state.dice.fate();
        if fate == Fate::Refused {
            return Err(injected());
        }
        let answer = run(&mut state.tables);
        if fate == Fate::Unknown {
            return Err(injected());
        }
        answer
    }
}

fn device_range(device: DeviceId) -> std::ops::RangeInclusive<(DeviceId, KeyPackageRef)> {
    (device, KeyPackageRef::new([0; KeyPackageRef::LEN]))
        ..=(device, KeyPackageRef::new([u8::MAX; KeyPackageRef::LEN]))
}

impl Tables {
    fn claim_name(&mut self, name: NameHash, account: AccountId, now: Millis) -> NameClaim {
        let free = self.names.get(&name).is_none_or(|row| {
            row.account == account || row.quarantined_until.is_some_and(|until| until <= now)
        });
        if !free {
            return NameClaim::Taken;
        }
        self.names.insert(
            name,
            NameRow {
                account,
                quarantined_until: None,
            },
        );
        NameClaim::Held
    }

    fn claim_package(
        &mut self,
        device: DeviceId,
        suite: u16,
        claim: ClaimId,
        now: Millis,
    ) -> Option<KeyPackageRow> {
        if let Some(row) = self.claims.get(&(device, suite, claim)) {
            return Some(row.clone());
        }
        let usable = |package: &&mut Package| {
            package.row.suite == suite && package.row.usable_until > now && !package.claimed
        };
        // One-time packages before the last resort, which is never used up.
        let package = self
            .packages
            .range_mut(device_range(device))
            .map(|(_, package)| package)
            .filter(usable)
            .min_by_key(|package| package.row.last_resort)?;
        package.claimed = !package.row.last_resort;
        let row = package.row.clone();
        self.claims.insert((device, suite, claim), row.clone());
        Some(row)
    }

    fn count_packages(&self, device: DeviceId, now: Millis) -> Vec<KeyPackageCount> {
        let mut counts: BTreeMap<u16, KeyPackageCount> = BTreeMap::new();
        for (_, package) in self.packages.range(device_range(device)) {
            let row = &package.row;
            if package.claimed || row.usable_until <= now {
                continue;
            }
            let count = counts.entry(row.suite).or_insert(KeyPackageCount {
                suite: row.suite,
                ..KeyPackageCount::default()
            });
            count.last_resort |= row.last_resort;
            count.one_time += u32::from(!row.last_resort);
        }
        counts.into_values().collect()
    }
}

#[async_trait]
impl DirectoryStore for MemoryDirectoryStore {
    async fn create_account(&self, account: AccountId, value: Bytes) -> PortResult<()> {
        self.call(|tables| {
            let held = tables
                .accounts
                .entry(account)
                .or_insert_with(|| value.clone());
            if *held == value {
                Ok(())
            } else {
                Err(PortError::Conflict("the account exists with another value"))
            }
        })
    }

    async fn read_account(&self, account: AccountId) -> PortResult<Option<Bytes>> {
        self.call(|tables| Ok(tables.accounts.get(&account).cloned()))
    }

    async fn swap_account(
        &self,
        account: AccountId,
        expected: Bytes,
        value: Bytes,
    ) -> PortResult<bool> {
        self.call(|tables| {
            let held = tables.accounts.get_mut(&account);
            let Some(row) = held.filter(|row| **row == expected) else {
                return Ok(false);
            };
            *row = value;
            Ok(true)
        })
    }

    async fn write_device(
        &self,
        account: AccountId,
        device: DeviceId,
        value: Bytes,
    ) -> PortResult<()> {
        self.call(|tables| {
            tables.devices.insert((account, device), value);
            tables.owners.insert(device, account);
            Ok(())
        })
    }

    async fn read_device(&self, device: DeviceId) -> PortResult<Option<(AccountId, Bytes)>> {
        self.call(|tables| {
            Ok(tables.owners.get(&device).and_then(|account| {
                let value = tables.devices.get(&(*account, device))?;
                Some((*account, value.clone()))
            }))
        })
    }

    async fn list_devices(&self, account: AccountId) -> PortResult<Vec<(DeviceId, Bytes)>> {
        self.call(|tables| {
            let edge = |byte| (account, DeviceId::new([byte; DeviceId::LEN]));
            Ok(tables
                .devices
                .range(edge(0)..=edge(u8::MAX))
                .map(|((_, device), value)| (*device, value.clone()))
                .collect())
        })
    }

    async fn claim_name(
        &self,
        name: NameHash,
        account: AccountId,
        now: Millis,
    ) -> PortResult<NameClaim> {
        self.call(|tables| Ok(tables.claim_name(name, account, now)))
    }

    async fn read_name(&self, name: NameHash) -> PortResult<Option<NameRow>> {
        self.call(|tables| Ok(tables.names.get(&name).cloned()))
    }

    async fn release_name(
        &self,
        name: NameHash,
        account: AccountId,
        until: Millis,
    ) -> PortResult<()> {
        self.call(|tables| {
            let own = tables
                .names
                .get_mut(&name)
                .filter(|row| row.account == account && row.quarantined_until.is_none());
            if let Some(row) = own {
                row.quarantined_until = Some(until);
            }
            Ok(())
        })
    }

    async fn publish_key_packages(
        &self,
        device: DeviceId,
        rows: &[KeyPackageRow],
    ) -> PortResult<()> {
        self.call(|tables| {
            for row in rows {
                tables
                    .packages
                    .entry((device, row.reference))
                    .or_insert_with(|| Package {
                        row: row.clone(),
                        claimed: false,
                    });
            }
            Ok(())
        })
    }

    async fn count_key_packages(
        &self,
        device: DeviceId,
        now: Millis,
    ) -> PortResult<Vec<KeyPackageCount>> {
        self.call(|tables| Ok(tables.count_packages(device, now)))
    }

    async fn claim_key_package(
        &self,
        device: DeviceId,
        suite: u16,
        claim: ClaimId,
        now: Millis,
    ) -> PortResult<Option<KeyPackageRow>> {
        self.call(|tables| Ok(tables.claim_package(device, suite, claim, now)))
    }

    async fn swap_session(
        &self,
        device: DeviceId,
        expected: Option<Bytes>,
        value: Bytes,
    ) -> PortResult<bool> {
        self.call(|tables| {
            let holds = tables.sessions.get(&device) == expected.as_ref();
            if holds {
                tables.sessions.insert(device, value);
            }
            Ok(holds)
        })
    }

    async fn read_session(&self, device: DeviceId) -> PortResult<Option<Bytes>> {
        self.call(|tables| Ok(tables.sessions.get(&device).cloned()))
    }

    async fn append_revocation(&self, minute: u64, device: DeviceId) -> PortResult<()> {
        self.call(|tables| {
            tables.revocations.insert((minute, device));
            Ok(())
        })
    }

    async fn read_revocations(&self, minute: u64) -> PortResult<Vec<DeviceId>> {
        self.call(|tables| {
            let edge = |byte| (minute, DeviceId::new([byte; DeviceId::LEN]));
            Ok(tables
                .revocations
                .range(edge(0)..=edge(u8::MAX))
                .map(|(_, device)| *device)
                .collect())
        })
    }
}
