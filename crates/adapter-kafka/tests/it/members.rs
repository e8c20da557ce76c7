use std::{collections::BTreeSet, time::Duration};

use tokio::time::timeout;
use xchat_adapter_kafka::KafkaEventLog;
use xchat_ports::{
    EventLog as _,
    contract::event_log::PARTITIONS,
    event_log::{Change, Membership},
};
use xchat_types::{Offset, PartitionId};

use crate::rig::{MEMBERS, fresh};

const PATIENCE: Duration = Duration::from_secs(30);

async fn next(member: &mut dyn Membership) -> Change {
    timeout(PATIENCE, member.next()).await.unwrap().unwrap()
}

/// The rebalance is over for both once the second one has half.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_moves_to_a_second_member_and_the_first_commits_before_it_lets_go() {
    let Some(config) = fresh() else { return };
    let log = KafkaEventLog::open(config.clone()).await.unwrap();
    let other_log = KafkaEventLog::open(config).await.unwrap();
    let mut one = log.join(MEMBERS[0]).await.unwrap();
    let Change::Assigned(all) = next(&mut *one).await else {
        panic!("the first change assigns");
    };
    assert_eq!(all.len(), PARTITIONS as usize, "all at once");

    let mut other = other_log.join(MEMBERS[1]).await.unwrap();
    let Change::Revoked(half) = next(&mut *one).await else {
        panic!("the second change revokes");
    };
    assert_eq!(half.len(), PARTITIONS as usize / 2);
    let early = timeout(Duration::from_secs(2), other.next()).await;
    assert!(early.is_err(), "nothing is released yet: {early:?}");

    let told: Vec<_> = half.iter().map(|id| (*id, Offset(5))).collect();
    log.commit(&told).await.unwrap();
    one.released(&half).await.unwrap();
    let Change::Assigned(got) = next(&mut *other).await else {
        panic!("what was released is assigned");
    };
    let set = |ids: &[PartitionId]| ids.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(set(&got), set(&half));
    for id in got {
        assert_eq!(other_log.committed(id).await.unwrap(), Some(Offset(5)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_name_another_takes_loses_all() {
    let Some(config) = fresh() else { return };
    let log = KafkaEventLog::open(config.clone()).await.unwrap();
    let other_log = KafkaEventLog::open(config).await.unwrap();
    let mut one = log.join(MEMBERS[0]).await.unwrap();
    assert!(matches!(next(&mut *one).await, Change::Assigned(_)));
    let mut again = other_log.join(MEMBERS[0]).await.unwrap();
    assert!(matches!(next(&mut *again).await, Change::Assigned(_)));
    let Change::Lost(lost) = next(&mut *one).await else {
        panic!("it is told");
    };
    assert_eq!(lost.len(), PARTITIONS as usize);
    for _ in 0..2 {
        assert_eq!(next(&mut *one).await, Change::Out);
    }
}
