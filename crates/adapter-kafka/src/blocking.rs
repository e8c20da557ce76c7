//! librdkafka's blocking calls, on blocking threads and with a deadline.

use std::time::Duration;

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
