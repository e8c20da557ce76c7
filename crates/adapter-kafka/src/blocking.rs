//! librdkafka's blocking calls, on blocking threads and with a deadline.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaResult;
use xchat_ports::{PortError, PortResult};

use crate::error::port_error;

/// Given to librdkafka.
pub(crate) const CALL: Duration = Duration::from_secs(3);
/// Where librdkafka takes no deadline, or does not keep it.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(5);

pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> KafkaResult<T> + Send + 'static,
) -> PortResult<T> {
    let answer = tokio::task::spawn_blocking(call);
    tokio::time::timeout(LONGEST_CALL, answer)
        .await
        .map_err(PortError::unavailable)?
        .map_err(PortError::unavailable)?
        .map_err(port_error)
}

/// Asks, and once more after a look at what may have changed, all in the time of one blocking call:
/// half of it for the first, half of what is left for the look, the rest for the second.
pub(crate) fn ask_twice<T>(
    ask: impl Fn(Duration) -> KafkaResult<T>,
    look: impl FnOnce(Duration) -> KafkaResult<()>,
    now: impl Fn() -> Instant,
) -> KafkaResult<T> {
    let end = now() + LONGEST_CALL;
    let left = || end.saturating_duration_since(now());
    ask(LONGEST_CALL / 2).or_else(|_| {
        look(left() / 2)?;
        ask(left())
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};

    use super::*;

    #[test]
    fn asking_twice_takes_no_longer_than_its_caller_waits() {
        let began = Instant::now();
        let now = Cell::new(began);
        let silent = |limit: Duration| {
            now.set(now.get() + limit);
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::OperationTimedOut,
            ))
        };
        let looked = Cell::new(Duration::ZERO);
        let look = |limit: Duration| {
            looked.set(limit);
            now.set(now.get() + limit);
            Ok(())
        };
        let answer: KafkaResult<()> = ask_twice(silent, look, || now.get());
        assert!(answer.is_err());
        assert!(looked.get() >= Duration::from_secs(1));
        assert!(now.get() - began <= LONGEST_CALL);
    }
}
