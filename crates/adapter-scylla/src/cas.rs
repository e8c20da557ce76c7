//! Conditional writes, and what is known of them.

use std::time::Duration;

use scylla::{
    errors::ExecutionError,
    response::query_result::QueryResult,
    serialize::row::SerializeRow,
    statement::prepared::PreparedStatement,
    value::{CqlValue, Row},
};
use xchat_ports::{PortError, PortResult};

use crate::{
    cluster::Cluster,
    error::{corrupt, port_error},
};

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Applied,
    Refused,
    /// Timed out or cut off: read the row at SERIAL before anything else.
    Unknown,
}

/// Attempts before a contended row is given up as unavailable: with the pauses below about 4 s.
pub(crate) const ATTEMPTS: u32 = 12;

pub(crate) async fn attempt(
    cluster: &Cluster,
    statement: &PreparedStatement,
    values: impl SerializeRow,
) -> PortResult<Attempt> {
    let _permit = cluster.permit().await?;
    match cluster.session.execute_unpaged(statement, values).await {
        Ok(answer) => applied(answer),
        Err(
            ExecutionError::LastAttemptError(_)
            | ExecutionError::RequestTimeout(_)
            | ExecutionError::ConnectionPoolError(_),
        ) => Ok(Attempt::Unknown),
        Err(error) => Err(port_error(error)),
    }
}

/// `[applied]` stands alone or among the old columns, by engine: it is read by name.
fn applied(answer: QueryResult) -> PortResult<Attempt> {
    let rows = answer
        .into_rows_result()
        .map_err(|_| corrupt("a conditional answer"))?;
    let at = rows
        .column_specs()
        .iter()
        .position(|column| column.name() == "[applied]")
        .ok_or_else(|| corrupt("a conditional answer"))?;
    let row: Row = rows
        .first_row()
        .map_err(|_| corrupt("a conditional answer"))?;
    match row.columns.get(at) {
        Some(Some(CqlValue::Boolean(true))) => Ok(Attempt::Applied),
        Some(Some(CqlValue::Boolean(false))) => Ok(Attempt::Refused),
        Some(_) | None => Err(corrupt("a conditional answer")),
    }
}

/// Contenders that were told "unknown" step apart: growing, and different for each `salt`.
pub(crate) async fn pause(attempt: u32, salt: &[u8]) {
    let spread = salt.iter().fold(u64::from(attempt), |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    let ceiling = 8_u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_millis(ceiling / 2 + spread % ceiling)).await;
}

pub(crate) fn contended() -> PortError {
    PortError::unavailable("a conditional write stayed unknown under contention")
}
