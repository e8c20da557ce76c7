//! Bytes of the rows that the store itself reads. All integers are big-endian.

use bytes::Bytes;
use xchat_ports::directory_store::{KeyPackageRow, NameRow};
use xchat_types::{AccountId, KeyPackageRef, Millis};

/// `account 32 bytes ‖ quarantined until u64 (ms; 0: held)`.
pub(super) fn encode_name(row: &NameRow) -> Vec<u8> {
    let mut bytes = row.account.as_bytes().to_vec();
    let until = row.quarantined_until.map_or(0, |until| until.0);
    bytes.extend_from_slice(&until.to_be_bytes());
    bytes
}

pub(super) fn decode_name(bytes: &[u8]) -> Option<NameRow> {
    let (account, rest) = bytes.split_first_chunk::<{ AccountId::LEN }>()?;
    let until = u64::from_be_bytes(rest.try_into().ok()?);
    Some(NameRow {
        account: AccountId::new(*account),
        quarantined_until: (until > 0).then_some(Millis(until)),
    })
}

/// `reference 32 bytes ‖ suite u16 ‖ last resort u8 ‖ usable until u64 (ms) ‖ value`.
pub(super) fn encode_package(row: &KeyPackageRow) -> Vec<u8> {
    let mut bytes = row.reference.as_bytes().to_vec();
    bytes.extend_from_slice(&row.suite.to_be_bytes());
    bytes.push(u8::from(row.last_resort));
    bytes.extend_from_slice(&row.usable_until.0.to_be_bytes());
    bytes.extend_from_slice(&row.value);
    bytes
}

pub(super) fn decode_package(bytes: &[u8]) -> Option<KeyPackageRow> {
    let (reference, rest) = bytes.split_first_chunk::<{ KeyPackageRef::LEN }>()?;
    let (suite, rest) = rest.split_first_chunk::<2>()?;
    let (last_resort, rest) = rest.split_first()?;
    let (usable_until, value) = rest.split_first_chunk::<8>()?;
    Some(KeyPackageRow {
        reference: KeyPackageRef::new(*reference),
        suite: u16::from_be_bytes(*suite),
        last_resort: *last_resort == 1,
        usable_until: Millis(u64::from_be_bytes(*usable_until)),
        value: Bytes::copy_from_slice(value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_their_bytes_and_shorter_ones_are_none() {
        let name = NameRow {
            account: AccountId::new([3; AccountId::LEN]),
            quarantined_until: Some(Millis(77)),
        };
        let bytes = encode_name(&name);
        assert_eq!(decode_name(&bytes), Some(name));
        let package = KeyPackageRow {
            reference: KeyPackageRef::new([4; KeyPackageRef::LEN]),
            suite: 2,
            last_resort: true,
            usable_until: Millis(99),
            value: Bytes::new(),
        };
        let package_bytes = encode_package(&package);
        assert_eq!(decode_package(&package_bytes), Some(package));
        for length in 0..bytes.len() {
            assert_eq!(decode_name(&bytes[..length]), None);
        }
        for length in 0..package_bytes.len() {
            assert_eq!(decode_package(&package_bytes[..length]), None);
        }
    }
}
