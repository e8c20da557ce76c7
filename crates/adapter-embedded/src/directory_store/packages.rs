//! Key packages: unclaimed ones wait in one table, claims are remembered in another.
//!
//! `key_packages`: device ‖ suite ‖ last resort ‖ reference, so that the first row of a suite is
//! the next to hand out. `claims`: device ‖ suite ‖ claim → what was handed out.
//! `known_packages`: device ‖ reference, of everything ever published, so that publishing again
//! frees nothing. Rows of the last two end with their package.

use std::collections::BTreeMap;

use fjall::OwnedWriteBatch;
use xchat_ports::directory_store::{KeyPackageCount, KeyPackageRow};
use xchat_types::{ClaimId, DeviceId, KeyPackageRef, Millis};

use super::{Database, rows};
use crate::{engine::Fault, expiry};

/// A package that has ended is remembered a while longer, for claims that are made again.
const SLACK_MS: u64 = 24 * 3_600_000;

const TABLE: &str = "key_packages";

fn suite_prefix(device: DeviceId, suite: u16) -> Vec<u8> {
    let mut key = device.as_bytes().to_vec();
    key.extend_from_slice(&suite.to_be_bytes());
    key
}

fn package_key(device: DeviceId, row: &KeyPackageRow) -> Vec<u8> {
    let mut key = suite_prefix(device, row.suite);
    key.push(u8::from(row.last_resort));
    key.extend_from_slice(row.reference.as_bytes());
    key
}

fn claim_key(device: DeviceId, suite: u16, claim: ClaimId) -> Vec<u8> {
    let mut key = suite_prefix(device, suite);
    key.extend_from_slice(claim.as_bytes());
    key
}

fn known_key(device: DeviceId, reference: KeyPackageRef) -> Vec<u8> {
    [device.as_ref(), reference.as_ref()].concat()
}

fn encode(row: &KeyPackageRow, now: Millis, value: &[u8]) -> Option<Vec<u8>> {
    expiry::encode(Some(row.usable_until.saturating_add(SLACK_MS)), now, value)
}

fn decode(row: &[u8], now: Millis) -> Result<Option<KeyPackageRow>, Fault> {
    expiry::decode(row, now)
        .map(|value| rows::decode_package(value).ok_or(Fault::Row(TABLE)))
        .transpose()
}

pub(super) fn publish(
    batch: &mut OwnedWriteBatch,
    opened: &Database,
    (device, row): (DeviceId, &KeyPackageRow),
    now: Millis,
) -> Result<(), Fault> {
    let known = known_key(device, row.reference);
    if opened.tables.known_packages.contains_key(&known)? {
        return Ok(());
    }
    let value = rows::encode_package(row);
    let rows = (encode(row, now, &value), encode(row, now, &[]));
    if let (Some(package), Some(marker)) = rows {
        let tables = &opened.tables;
        batch.insert(&tables.key_packages, package_key(device, row), package);
        batch.insert(&tables.known_packages, known, marker);
    }
    Ok(())
}

/// Hands one out: what this claim got before, or the first usable one, the last resort last.
pub(super) fn claim(
    batch: &mut OwnedWriteBatch,
    opened: &Database,
    (device, suite, claim): (DeviceId, u16, ClaimId),
    now: Millis,
) -> Result<Option<KeyPackageRow>, Fault> {
    let tables = &opened.tables;
    let claim = claim_key(device, suite, claim);
    if let Some(row) = tables.claims.get(&claim)?
        && let Some(package) = decode(&row, now)?
    {
        return Ok(Some(package));
    }
    for guard in tables.key_packages.prefix(suite_prefix(device, suite)) {
        let (key, row) = guard.into_inner()?;
        let Some(package) = decode(&row, now)?.filter(|row| row.usable_until > now) else {
            continue;
        };
        let value = rows::encode_package(&package);
        if let Some(row) = encode(&package, now, &value) {
            batch.insert(&tables.claims, claim, row);
        }
        if !package.last_resort {
            batch.remove(&tables.key_packages, key);
        }
        return Ok(Some(package));
    }
    Ok(None)
}

pub(super) fn count(
    opened: &Database,
    device: DeviceId,
    now: Millis,
) -> Result<Vec<KeyPackageCount>, Fault> {
    let mut counts: BTreeMap<u16, KeyPackageCount> = BTreeMap::new();
    for guard in opened.tables.key_packages.prefix(device) {
        let row = guard.value()?;
        let Some(package) = decode(&row, now)?.filter(|row| row.usable_until > now) else {
            continue;
        };
        let count = counts.entry(package.suite).or_insert(KeyPackageCount {
            suite: package.suite,
            ..KeyPackageCount::default()
        });
        if package.last_resort {
            count.last_resort = true;
        } else {
            count.one_time += 1;
        }
    }
    Ok(counts.into_values().collect())
}
