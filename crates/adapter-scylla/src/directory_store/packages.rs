//! Key packages: published by plain inserts, claimed by comparison on a column of their own.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream, try_join};
use xchat_ports::{
    PortResult,
    directory_store::{KeyPackageCount, KeyPackageRow},
};
use xchat_types::{ClaimId, DeviceId, KeyPackageRef, Millis};

use super::ScyllaDirectoryStore;
use crate::{
    cas::{self, Attempt, Pauses},
    error::corrupt,
    time_to_live,
};

/// A package is remembered for a day after its end, for claims that are made again; its claim for
/// one more, so that no claim ends before its package.
const DAY_MS: u64 = 86_400_000;
/// Packages of one call in flight.
const AT_ONCE: usize = 32;

/// `reference, suite, last resort, usable until, claim`; only the first and the last are there
/// when the package has ended before its claim.
type Scanned = (
    Vec<u8>,
    Option<i32>,
    Option<bool>,
    Option<i64>,
    Option<Vec<u8>>,
);

/// `suite, last resort, usable until, value`.
type Stored = (Option<i32>, Option<bool>, Option<i64>, Option<Vec<u8>>);

/// A package without its value.
#[derive(Clone, Debug)]
struct Listed {
    reference: KeyPackageRef,
    suite: u16,
    last_resort: bool,
    usable_until: Millis,
    claim: Option<Vec<u8>>,
}

fn listed(
    (reference, suite, last_resort, usable_until, claim): Scanned,
) -> PortResult<Option<Listed>> {
    let (Some(suite), Some(last_resort), Some(until)) = (suite, last_resort, usable_until) else {
        return Ok(None);
    };
    let bad = || corrupt("key_packages");
    Ok(Some(Listed {
        reference: KeyPackageRef::try_from(reference.as_slice()).map_err(|_| bad())?,
        suite: u16::try_from(suite).map_err(|_| bad())?,
        last_resort,
        usable_until: Millis(u64::try_from(until).map_err(|_| bad())?),
        claim,
    }))
}

impl ScyllaDirectoryStore {
    pub(super) async fn publish(&self, device: DeviceId, rows: &[KeyPackageRow]) -> PortResult<()> {
        let writes: Vec<_> = rows
            .iter()
            .map(|row| self.publish_one(device, row))
            .collect();
        stream::iter(writes)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn publish_one(&self, device: DeviceId, row: &KeyPackageRow) -> PortResult<()> {
        let ends = row.usable_until.saturating_add(DAY_MS);
        let Some(seconds) = time_to_live::seconds(ends, self.clock.now()) else {
            return Ok(());
        };
        let values = (
            device.as_bytes().as_slice(),
            row.reference.as_bytes().as_slice(),
            i32::from(row.suite),
            row.last_resort,
            i64::try_from(row.usable_until.0).unwrap_or(i64::MAX),
            row.value.as_ref(),
            seconds,
        );
        self.cluster
            .execute(&self.statements.publish_package, values)
            .await?;
        Ok(())
    }

    async fn scan(&self, device: DeviceId) -> PortResult<Vec<Listed>> {
        let key = (device.as_bytes().as_slice(),);
        let scan = &self.statements.scan_packages;
        let rows: Vec<Scanned> = self.cluster.rows(scan, key, usize::MAX).await?;
        rows.into_iter()
            .filter_map(|row| listed(row).transpose())
            .collect()
    }

    pub(super) async fn count(
        &self,
        device: DeviceId,
        now: Millis,
    ) -> PortResult<Vec<KeyPackageCount>> {
        let mut counts: BTreeMap<u16, KeyPackageCount> = BTreeMap::new();
        for package in self.scan(device).await? {
            if package.claim.is_some() || package.usable_until <= now {
                continue;
            }
            let count = counts.entry(package.suite).or_insert(KeyPackageCount {
                suite: package.suite,
                ..KeyPackageCount::default()
            });
            count.last_resort |= package.last_resort;
            count.one_time += u32::from(!package.last_resort);
        }
        Ok(counts.into_values().collect())
    }

    pub(super) async fn claim(
        &self,
        device: DeviceId,
        (suite, claim): (u16, ClaimId),
        now: Millis,
    ) -> PortResult<Option<KeyPackageRow>> {
        let key = (
            device.as_bytes().as_slice(),
            i32::from(suite),
            claim.as_bytes().as_slice(),
        );
        let noted = self
            .cluster
            .row::<(Vec<u8>,)>(&self.statements.read_last_resort, key);
        let (noted, mut packages) = try_join!(noted, self.scan(device))?;
        packages.retain(|package| package.suite == suite);
        if let Some((reference,)) = noted {
            let reference = KeyPackageRef::try_from(reference.as_slice());
            let reference = reference.map_err(|_| corrupt("last_resort_claims"))?;
            return self.package(device, reference).await;
        }
        let own = |package: &&Listed| package.claim.as_deref() == Some(claim.as_bytes().as_slice());
        if let Some(own) = packages.iter().find(own) {
            return self.package(device, own.reference).await;
        }
        packages.retain(|package| package.claim.is_none() && package.usable_until > now);
        if let Some(won) = self.win_one(device, claim, &packages).await? {
            return self.package(device, won).await;
        }
        let Some(last) = packages.iter().find(|package| package.last_resort) else {
            return Ok(None);
        };
        let ends = last.usable_until.saturating_add(DAY_MS);
        if let Some(seconds) = time_to_live::seconds(ends, self.clock.now()) {
            let row = (
                key.0,
                key.1,
                key.2,
                last.reference.as_bytes().as_slice(),
                seconds,
            );
            self.cluster
                .execute(&self.statements.note_last_resort, row)
                .await?;
        }
        self.package(device, last.reference).await
    }

    /// Tries one-time packages in turn, from a place that differs by claim: contenders mostly do
    /// not meet, and a claim made again meets itself.
    async fn win_one(
        &self,
        device: DeviceId,
        claim: ClaimId,
        packages: &[Listed],
    ) -> PortResult<Option<KeyPackageRef>> {
        let free: Vec<&Listed> = packages
            .iter()
            .filter(|package| !package.last_resort)
            .collect();
        let salt = claim.as_bytes().iter().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        let start = salt.checked_rem(free.len()).unwrap_or(0);
        for package in free.iter().cycle().skip(start).take(free.len()) {
            if self.win(device, claim, package).await? {
                return Ok(Some(package.reference));
            }
        }
        Ok(None)
    }

    /// Whether the package is this claim's now. A refused or unknown attempt is read back. To be
    /// called in time.
    async fn win(&self, device: DeviceId, claim: ClaimId, package: &Listed) -> PortResult<bool> {
        let (owner, id) = (
            device.as_bytes().as_slice(),
            package.reference.as_bytes().as_slice(),
        );
        let ends = package.usable_until.saturating_add(2 * DAY_MS);
        let Some(seconds) = time_to_live::seconds(ends, self.clock.now()) else {
            return Ok(false);
        };
        let mut pauses = Pauses::new(claim.as_bytes());
        loop {
            let values = (seconds, claim.as_bytes().as_slice(), owner, id);
            let outcome =
                cas::attempt(&self.cluster, &self.statements.claim_package, values).await?;
            if outcome == Attempt::Applied {
                return Ok(true);
            }
            let read = &self.statements.read_claim_serial;
            let held: Option<(Option<Vec<u8>>,)> =
                cas::read_back(&self.cluster, read, (owner, id)).await?;
            match held {
                Some((Some(held),)) => return Ok(held == claim.as_bytes()),
                // Gone in the meantime.
                None => return Ok(false),
                Some((None,)) if outcome == Attempt::Refused => return Ok(false),
                Some((None,)) => pauses.wait().await,
            }
        }
    }

    async fn package(
        &self,
        device: DeviceId,
        reference: KeyPackageRef,
    ) -> PortResult<Option<KeyPackageRow>> {
        let key = (
            device.as_bytes().as_slice(),
            reference.as_bytes().as_slice(),
        );
        let row: Option<Stored> = self.cluster.row(&self.statements.read_package, key).await?;
        let Some((Some(suite), Some(last_resort), Some(until), Some(value))) = row else {
            return Ok(None);
        };
        Ok(Some(KeyPackageRow {
            reference,
            suite: u16::try_from(suite).map_err(|_| corrupt("key_packages"))?,
            last_resort,
            usable_until: Millis(u64::try_from(until).map_err(|_| corrupt("key_packages"))?),
            value: Bytes::from(value),
        }))
    }
}
