//! Migrations: once, in order, unchanged, and by one migrator at a time.

use xchat_adapter_scylla::{Migration, Migrator, OpenError, ScyllaMessageStore};

use crate::engine;

const FIRST: Migration = Migration {
    version: 1,
    name: "0001_first.cql",
    cql: "CREATE TABLE IF NOT EXISTS first (id int PRIMARY KEY);",
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_migrators_at_once_apply_each_file_once_and_a_changed_one_is_refused() {
    if engine::nodes().is_none() {
        return;
    }
    let options = engine::options("migrator");
    let first = Migrator::connect(options.clone(), "first").await.unwrap();
    let second = Migrator::connect(options.clone(), "second").await.unwrap();
    let replicas = engine::replicas();
    let done = tokio::join!(
        first.run_all(replicas, &[FIRST]),
        second.run_all(replicas, &[FIRST])
    );
    let mut names = done.0.unwrap().names;
    names.extend(done.1.unwrap().names);
    assert_eq!(names, ["0001_first.cql"], "one of them applied it");
    assert!(
        first
            .run_all(replicas, &[FIRST])
            .await
            .unwrap()
            .names
            .is_empty()
    );

    let changed = Migration {
        cql: "CREATE TABLE IF NOT EXISTS other (id int PRIMARY KEY);",
        ..FIRST
    };
    let refused = first.run_all(replicas, &[changed]).await.unwrap_err();
    assert!(matches!(refused, OpenError::Changed { .. }), "{refused}");

    let refused = ScyllaMessageStore::open(options, engine::clock())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("xchat-server schema migrate"),
        "{refused}"
    );
}
