//! A session with the engine, and the policies every request runs under.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use scylla::{
    client::{
        execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
    },
    deserialize::row::DeserializeRow,
    policies::load_balancing::DefaultPolicy,
    response::query_result::QueryResult,
    serialize::{batch::BatchValues, row::SerializeRow},
    statement::{
        Consistency, SerialConsistency,
        batch::{Batch, BatchType},
        prepared::PreparedStatement,
    },
};
use tokio::sync::{Semaphore, SemaphorePermit};
use xchat_ports::{PortError, PortResult};

use crate::{
    OpenError, ScyllaOptions,
    error::{corrupt, port_error},
    retry::Repeatable,
};

/// Rows a page; values are below 64 KiB, so a page stays below 16 MiB.
const PAGE_ROWS: i32 = 256;

pub(crate) struct Cluster {
    pub(crate) session: Session,
    pub(crate) options: ScyllaOptions,
    in_flight: Semaphore,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects; statements name tables without a keyspace only after [`Cluster::open`].
    pub(crate) async fn connect(options: ScyllaOptions) -> Result<Self, OpenError> {
        if !options.keyspace_is_plain() {
            return Err(OpenError::Keyspace);
        }
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::Quorum)
            .serial_consistency(Some(SerialConsistency::Serial))
            .request_timeout(Some(options.request_timeout))
            .load_balancing_policy(DefaultPolicy::builder().token_aware(true).build())
            .retry_policy(Arc::new(Repeatable))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&options.nodes)
            .connection_timeout(options.request_timeout)
            .keepalive_interval(Duration::from_secs(5))
            .keepalive_timeout(options.request_timeout)
            .default_execution_profile_handle(profile.into_handle());
        if let Some((user, password)) = &options.login {
            builder = builder.user(user, password);
        }
        let session = builder.build().await.map_err(Box::new)?;
        let in_flight = Semaphore::new(options.in_flight.max(1));
        Ok(Self {
            session,
            options,
            in_flight,
        })
    }

    /// A full table name: sessions use no keyspace, so that no reconnect can miss it.
    pub(crate) fn statement(&self, cql: &str) -> String {
        cql.replace("ks.", &format!("{}.", self.options.keyspace))
    }

    /// Prepares a statement that may be run twice.
    pub(crate) async fn prepare(&self, cql: &str) -> Result<PreparedStatement, OpenError> {
        let mut prepared = self.session.prepare(self.statement(cql)).await?;
        prepared.set_is_idempotent(true);
        prepared.set_page_size(PAGE_ROWS);
        Ok(prepared)
    }

    /// Prepares a conditional write: never sent twice by the driver.
    pub(crate) async fn prepare_conditional(
        &self,
        cql: &str,
    ) -> Result<PreparedStatement, OpenError> {
        let mut prepared = self.prepare(cql).await?;
        prepared.set_is_idempotent(false);
        prepared.set_serial_consistency(Some(SerialConsistency::Serial));
        Ok(prepared)
    }

    /// Prepares a read that first completes whatever conditional write is under way.
    pub(crate) async fn prepare_serial_read(
        &self,
        cql: &str,
    ) -> Result<PreparedStatement, OpenError> {
        let mut prepared = self.prepare(cql).await?;
        prepared.set_consistency(Consistency::Serial);
        Ok(prepared)
    }

    pub(crate) async fn permit(&self) -> PortResult<SemaphorePermit<'_>> {
        let permit = tokio::time::timeout(self.options.request_timeout, self.in_flight.acquire());
        permit
            .await
            .map_err(PortError::unavailable)?
            .map_err(PortError::unavailable)
    }

    pub(crate) async fn execute(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> PortResult<QueryResult> {
        let _permit = self.permit().await?;
        self.session
            .execute_unpaged(statement, values)
            .await
            .map_err(port_error)
    }

    /// Statements on one partition key, as one request. May be run twice.
    pub(crate) async fn batch<'a>(
        &self,
        statements: impl IntoIterator<Item = &'a PreparedStatement>,
        values: impl BatchValues,
    ) -> PortResult<()> {
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        for statement in statements {
            batch.append_statement(statement.clone());
        }
        let _permit = self.permit().await?;
        let sent = self.session.batch(&batch, values).await;
        sent.map(|_| ()).map_err(port_error)
    }

    /// The first row, if there is one.
    pub(crate) async fn row<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> PortResult<Option<R>>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let answer = self.execute(statement, values).await?;
        let rows = answer
            .into_rows_result()
            .map_err(|_| corrupt("an answer"))?;
        rows.maybe_first_row::<R>()
            .map_err(|_| corrupt("an answer"))
    }

    /// All rows, or the first `limit`, page by page.
    pub(crate) async fn rows<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        limit: usize,
    ) -> PortResult<Vec<R>>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + 'static,
    {
        self.rows_where(statement, values, limit, |_| true).await
    }

    /// The first `limit` rows that are wanted, page by page.
    pub(crate) async fn rows_where<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        limit: usize,
        wanted: fn(&R) -> bool,
    ) -> PortResult<Vec<R>>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> + 'static,
    {
        let _permit = self.permit().await?;
        let pager = self
            .session
            .execute_iter(statement.clone(), values)
            .await
            .map_err(PortError::unavailable)?;
        let mut stream = pager.rows_stream::<R>().map_err(|_| corrupt("an answer"))?;
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(row) = stream.try_next().await.map_err(PortError::unavailable)?
        {
            if wanted(&row) {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}
