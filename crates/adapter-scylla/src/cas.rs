//! Conditional writes, and what is known of them.

use std::time::Duration;

use scylla::{
    deserialize::row::DeserializeRow,
    errors::ExecutionError,
    response::query_result::QueryResult,
    serialize::row::SerializeRow,
    statement::prepared::PreparedStatement,
    value::{CqlValue, Row},
};
use xchat_ports::PortResult;

use crate::{
    cluster::Cluster,
    error::{Unresolved, corrupt, port_error},
    retry::is_refusal,
};

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Applied,
    Refused,
    /// Timed out or cut off: read the row at SERIAL before anything else.
    Unknown,
}

/// Runs a call made of the functions below, which try for ever, and ends it in time.
pub(crate) async fn in_time<T>(
    cluster: &Cluster,
    call: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    let limit = cluster.options.conditional_timeout;
    tokio::time::timeout(limit, call)
        .await
        .unwrap_or_else(|_| Err(Unresolved::InTime(limit).into()))
}

/// Reads at SERIAL until that is answered: under contention it times out like the writes do.
pub(crate) async fn read_back<R>(
    cluster: &Cluster,
    statement: &PreparedStatement,
    values: impl SerializeRow + Copy,
) -> PortResult<Option<R>>
where
    R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
{
    let mut pauses = Pauses::new(&[]);
    loop {
        match cluster.row(statement, values).await {
            Err(error) if error.is_retryable() => pauses.wait().await,
            answer => return answer,
        }
    }
}

pub(crate) async fn attempt(
    cluster: &Cluster,
    statement: &PreparedStatement,
    values: impl SerializeRow,
) -> PortResult<Attempt> {
    let _permit = cluster.permit().await?;
    match cluster.session.execute_unpaged(statement, values).await {
        Ok(answer) => applied(answer),
        Err(ExecutionError::LastAttemptError(error)) if is_refusal(&error) => {
            Err(port_error(ExecutionError::LastAttemptError(error)))
        }
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

/// Waits between attempts. Contenders that were told "unknown" step apart: growing, and different
/// for each salt.
#[derive(Debug)]
pub(crate) struct Pauses {
    salt: u64,
    taken: u32,
}

impl Pauses {
    pub(crate) fn new(salt: &[u8]) -> Self {
        let salt = salt.iter().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        Self { salt, taken: 0 }
    }

    pub(crate) async fn wait(&mut self) {
        let ceiling = 8_u64 << self.taken.min(6);
        self.taken = self.taken.saturating_add(1);
        let spread = self.salt.wrapping_add(u64::from(self.taken)) % ceiling;
        tokio::time::sleep(Duration::from_millis(ceiling / 2 + spread)).await;
    }
}
