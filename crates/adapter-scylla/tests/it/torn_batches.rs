//! A batch of one partition that reached one replica of three, and what read repair makes of it.
//! Runs alone on three nodes of the stack, like `stack`.

use std::time::{Duration, Instant};

use scylla::{
    client::session_builder::SessionBuilder,
    statement::{
        Consistency,
        batch::{Batch, BatchType},
        unprepared::Statement,
    },
};
use xchat_ports::{
    MessageStore, PortResult,
    contract::engine::engine,
    message_store::{RowKey, Rows},
};
use xchat_types::DeviceId;

use crate::{
    engine::{self, Turn, stack},
    history::{CONVERSATION, SENDER, mutation, stamps},
    message_store,
};

/// A node that started is taken for alive by the others after some seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// The mutation of a stamp, in the adapter's own rows, acknowledged by one replica.
async fn write_on_one(node: &str, stamp: u64) {
    let session = SessionBuilder::new()
        .known_node(node)
        .build()
        .await
        .unwrap();
    let keyspace = message_store::SHARED.options().keyspace;
    let insert = format!(
        "INSERT INTO {keyspace}.conversations (conversation, kind, key, value) \
         VALUES (?, ?, ?, ?) USING TIMESTAMP {stamp}"
    );
    let RowKey::Sender(sender) = SENDER else {
        panic!("a sender's row");
    };
    let mut batch = Batch::new(BatchType::Unlogged);
    batch.set_consistency(Consistency::One);
    batch.append_statement(Statement::new(insert.clone()));
    batch.append_statement(Statement::new(insert));
    let conversation = CONVERSATION.as_bytes().as_slice();
    let value = stamp.to_string().into_bytes();
    let rows = (
        (conversation, 0_i8, [0_u8].as_slice(), value.as_slice()),
        (
            conversation,
            2_i8,
            DeviceId::as_bytes(&sender).as_slice(),
            value.as_slice(),
        ),
    );
    session.batch(&batch, rows).await.unwrap();
}

/// The same read until the nodes that are up have found each other.
async fn answered<F: Future<Output = PortResult<Rows>>>(read: impl Fn() -> F) -> Rows {
    let until = Instant::now() + PATIENCE;
    loop {
        match read().await {
            Ok(rows) => return rows,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    }
}

async fn read(store: &dyn MessageStore, keys: &[RowKey]) -> (u64, Option<u64>) {
    stamps(&answered(|| store.read_rows(CONVERSATION, keys)).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_narrow_read_heals_the_head_alone_and_redoing_the_heads_mutation_heals_the_rest() {
    let (Some(nodes), Some(path)) = (engine::nodes(), engine("stack")) else {
        return;
    };
    if nodes.len() < 3 {
        eprintln!("skipped: the stack has no three nodes");
        return;
    }
    let turn = Turn::new(&message_store::SHARED);
    turn.begin().await;
    let store = message_store::open().await;
    store.mutate(&mutation(1)).await.unwrap();
    assert_eq!(read(&*store, &[SENDER]).await, (1, Some(1)));

    stack(&path, &["kill", "cassandra-1"]);
    stack(&path, &["kill", "cassandra-2"]);
    write_on_one(&nodes[2], 2).await;
    stack(&path, &["start", "cassandra-2"]);
    assert_eq!(
        read(&*store, &[]).await,
        (2, None),
        "by the third and the second"
    );
    stack(&path, &["kill", "cassandra-3"]);
    stack(&path, &["start", "cassandra-1"]);
    assert_eq!(read(&*store, &[SENDER]).await, (2, Some(1)), "torn");

    store.mutate(&mutation(2)).await.unwrap();
    assert_eq!(read(&*store, &[SENDER]).await, (2, Some(2)), "redone");
    stack(&path, &["start", "cassandra-3"]);
}
