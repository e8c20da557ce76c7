//! Keys and values. A key is `PREFIX:route:{XX}:DEVICE`, all hexadecimal, where XX is the device's
//! first byte and the hash tag of a cluster: 256 groups, each in one slot, so that a call takes at
//! most 256 commands however many devices it is about. A value is `CONNECTION GATEWAY`, the
//! connection id with 20 digits: scripts compare it as text, since their numbers are doubles.

use std::collections::BTreeMap;

use xchat_ports::routing::Route;
use xchat_types::DeviceId;

/// Digits of the largest u64.
const DIGITS: usize = 20;

pub(crate) fn key(prefix: &str, device: &DeviceId) -> String {
    let tag = group(device);
    format!("{prefix}:route:{{{tag:02x}}}:{}", device.to_hex())
}

pub(crate) fn value(route: &Route) -> String {
    format!("{:0DIGITS$} {}", route.connection, route.gateway)
}

/// `None` for a value that nobody of us wrote.
pub(crate) fn route(device: DeviceId, value: &str) -> Option<Route> {
    let (connection, gateway) = value.split_once(' ')?;
    if connection.len() != DIGITS {
        return None;
    }
    Some(Route {
        device,
        gateway: gateway.to_owned(),
        connection: connection.parse().ok()?,
    })
}

fn group(device: &DeviceId) -> u8 {
    device.as_ref().first().copied().unwrap_or_default()
}

/// What one command may be about: everything on a single engine, one hash tag on a cluster.
pub(crate) fn groups<T: Copy>(
    cluster: bool,
    items: impl IntoIterator<Item = T>,
    device: impl Fn(T) -> DeviceId,
) -> Vec<Vec<T>> {
    let mut groups: BTreeMap<u8, Vec<T>> = BTreeMap::new();
    for item in items {
        let group = if cluster { group(&device(item)) } else { 0 };
        groups.entry(group).or_default().push(item);
    }
    groups.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_its_route() {
        for connection in [0, 7, u64::MAX] {
            let written = Route {
                device: DeviceId::new([3; 16]),
                gateway: "http://a b:1".to_owned(),
                connection,
            };
            assert_eq!(route(written.device, &value(&written)), Some(written));
        }
    }

    #[test]
    fn a_foreign_value_is_no_route() {
        for foreign in [
            "",
            "7 a",
            "no",
            "0000000000000000000x a",
            "99999999999999999999 a",
        ] {
            assert_eq!(route(DeviceId::new([3; 16]), foreign), None, "{foreign}");
        }
    }
}
