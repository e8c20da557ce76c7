//! I22: who folds the whole log again, into tables of their own, writes the same rows.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use xchat_adapter_scylla::{ScyllaMessageStore, ScyllaOptions};
use xchat_integration_tests::House;
use xchat_ports::{Clock, MessageStore as _, message_store::RowKey};
use xchat_proto::{Message as _, events::HeadRow};
use xchat_types::{ConversationId, DeviceId, Sequence};

use crate::ambient::Ambient;

const PATIENCE: Duration = Duration::from_mins(5);
const PAGE: usize = 500;

/// What is alive of a conversation, but for the redo of its last mutation: that depends on how many
/// records were folded in one run.
#[derive(Debug, PartialEq)]
struct Rows {
    head: HeadRow,
    others: Vec<(RowKey, Bytes)>,
    envelopes: Vec<(Sequence, Bytes, Option<Bytes>)>,
}

pub(super) async fn check(house: &mut House, all: &[ConversationId], devices: &[DeviceId]) {
    house.stop();
    let keyspace = house.setting("backends__scylla__keyspace").to_owned();
    let again = format!("{keyspace}b");
    house.change("fanout-1", "backends__scylla__keyspace", &again);
    house.change("fanout-1", "backends__kafka__group", &again);
    house.once("fanout-1", &["schema", "migrate"]);
    house.start_one("fanout-1");

    let first = open(house, &keyspace).await;
    let second = open(house, &again).await;
    let began = Instant::now();
    for conversation in all {
        let expected = read(&first, *conversation, devices).await.expect("a head");
        loop {
            let found = read(&second, *conversation, devices).await;
            if found.as_ref() == Some(&expected) {
                break;
            }
            let behind = found
                .as_ref()
                .is_none_or(|rows| rows.head.sequence < expected.head.sequence);
            let late = began.elapsed() > PATIENCE;
            assert!(behind && !late, "{found:#?} is not {expected:#?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

async fn open(house: &House, keyspace: &str) -> ScyllaMessageStore {
    let nodes = house.setting("backends__scylla__nodes");
    let nodes = nodes.split(',').map(str::to_owned).collect();
    let clock: Arc<dyn Clock> = Arc::new(Ambient);
    let store = ScyllaMessageStore::open(ScyllaOptions::new(nodes, keyspace), clock).await;
    store.expect("the tables")
}

async fn read(
    store: &ScyllaMessageStore,
    conversation: ConversationId,
    devices: &[DeviceId],
) -> Option<Rows> {
    let members = store.read_members(conversation).await.expect("members");
    let (_, head) = members.head?;
    let mut head = HeadRow::decode(head).expect("a head");
    head.redo = None;
    let senders: Vec<RowKey> = devices.iter().copied().map(RowKey::Sender).collect();
    let senders = store
        .read_rows(conversation, &senders)
        .await
        .expect("senders");
    let mut envelopes = Vec::new();
    loop {
        let after = envelopes
            .last()
            .map_or(Sequence(0), |row: &(Sequence, _, _)| row.0);
        let through = Sequence(head.sequence);
        let page = store
            .read_envelopes(conversation, after, through, PAGE)
            .await;
        let page = page.expect("envelopes");
        if page.is_empty() {
            break;
        }
        envelopes.extend(
            page.into_iter()
                .map(|row| (row.sequence, row.value, row.payload)),
        );
    }
    Some(Rows {
        head,
        others: members.rows.into_iter().chain(senders.rows).collect(),
        envelopes,
    })
}
