//! Nodes of the stack that stand still or die. These tests run alone:
//! `XCHAT_TEST_STACK=infra/stack/stack.sh cargo test … --test it stack:: -- --test-threads 1`.

use std::time::Duration;

use xchat_ports::contract::engine::engine;

use crate::{
    engine::{self, Turn, stack},
    history::History,
    message_store,
};

const SECOND: Duration = Duration::from_secs(1);

/// Stopped while this lives.
struct Paused<'a>(&'a str, String);

impl<'a> Paused<'a> {
    fn begin(path: &'a str, node: String) -> Self {
        stack(path, &["pause", &node]);
        Self(path, node)
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        stack(self.0, &["resume", &self.1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_stand_still_for_ten_seconds_lose_nothing() {
    let (Some(nodes), Some(path)) = (engine::nodes(), engine("stack")) else {
        return;
    };
    let turn = Turn::new(&message_store::SHARED);
    turn.begin().await;
    let store = message_store::open().await;
    let mut history = History::new(&message_store::SHARED.options());
    let outcomes = history.write(&*store, SECOND).await;
    assert_eq!(outcomes.unknown, 0);
    let names = (1..=nodes.len()).map(|number| format!("cassandra-{number}"));
    let paused: Vec<_> = names.map(|node| Paused::begin(&path, node)).collect();
    let outcomes = history.write(&*store, 10 * SECOND).await;
    assert_eq!(outcomes.accepted, 0, "{outcomes:?}");
    drop(paused);
    let mut after = 0;
    for _ in 0..10 {
        after += history.write(&*store, 2 * SECOND).await.accepted;
        if after > 0 {
            break;
        }
    }
    assert!(after > 0, "not used again");
    history.check(&*store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_three_nodes_killed_in_turn_loses_nothing() {
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
    let mut history = History::new(&message_store::SHARED.options());
    for number in 1..=3 {
        let node = format!("cassandra-{number}");
        stack(&path, &["kill", &node]);
        let outcomes = history.write(&*store, 10 * SECOND).await;
        eprintln!("without {node}: {outcomes:?}");
        assert!(outcomes.accepted > outcomes.unknown, "{outcomes:?}");
        stack(&path, &["start", &node]);
    }
    history.check(&*store).await;
}
