//! What a route and a lease may be. Pure.

use thiserror::Error;
use xchat_ports::routing::Route;

/// Routes or devices in one request.
pub(crate) const MAX_BATCH: usize = 10_000;
/// Characters of a gateway's address.
const MAX_ADDRESS: usize = 128;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    #[error("connection ids begin at 1")]
    Connection,
    #[error("a gateway's address has 1 to {MAX_ADDRESS} visible characters")]
    Address,
    #[error("a request names at most {MAX_BATCH} devices")]
    Batch,
}

/// Shortest and longest lease, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min_ms: u64,
    pub(crate) max_ms: u64,
}

impl Bounds {
    /// The lease that is given when another is asked for. A caller refreshes on its own schedule,
    /// so that a longer one only means an earlier loss of the route, which costs latency alone.
    pub(crate) fn lease(self, asked_ms: u64) -> u64 {
        asked_ms.min(self.max_ms).max(self.min_ms)
    }
}

/// Checks what a gateway says about itself: its address goes into calls that fanout makes.
pub(crate) fn check_route(route: &Route) -> Result<(), Invalid> {
    if route.connection == 0 {
        return Err(Invalid::Connection);
    }
    let address = &route.gateway;
    let visible = address.bytes().all(|byte| byte.is_ascii_graphic());
    if address.is_empty() || address.len() > MAX_ADDRESS || !visible {
        return Err(Invalid::Address);
    }
    Ok(())
}

/// Checks how many a request names.
pub(crate) fn check_batch(count: usize) -> Result<(), Invalid> {
    if count > MAX_BATCH {
        return Err(Invalid::Batch);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use xchat_types::DeviceId;

    use super::*;

    #[test]
    fn a_lease_stays_within_its_bounds() {
        let bounds = Bounds {
            min_ms: 5,
            max_ms: 10,
        };
        assert_eq!(
            [0, 5, 7, 10, u64::MAX].map(|ms| bounds.lease(ms)),
            [5, 5, 7, 10, 10]
        );
    }

    #[test]
    fn a_route_has_a_connection_and_an_address_that_can_be_called() {
        let route = |gateway: &str, connection| Route {
            device: DeviceId::new([1; 16]),
            gateway: gateway.to_owned(),
            connection,
        };
        assert_eq!(check_route(&route("http://127.0.0.1:8434", 1)), Ok(()));
        assert_eq!(
            check_route(&route("in-process", 0)),
            Err(Invalid::Connection)
        );
        for bad in ["", "http://a b:1", "http://a:1\n", &"x".repeat(129)] {
            assert_eq!(
                check_route(&route(bad, 1)),
                Err(Invalid::Address),
                "{bad:?}"
            );
        }
        assert_eq!(check_batch(MAX_BATCH), Ok(()));
        assert_eq!(check_batch(MAX_BATCH + 1), Err(Invalid::Batch));
    }
}
