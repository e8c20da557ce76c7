//! Who owns which partitions.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::{Instant, timeout};
use xchat_types::PartitionId;

use super::{Factory, settled};
use crate::{
    EventLog,
    event_log::{Change, Membership},
};

/// An engine may expect a vanished member back for some seconds first.
const PATIENCE: Duration = Duration::from_secs(40);
/// Long enough to see a partition that changes hands too early.
const SUSPENSE: Duration = Duration::from_millis(300);
/// Of one look at one of two members.
const GLANCE: Duration = Duration::from_millis(20);

/// A member with what it owns, and what it is asked to give away.
#[derive(Debug)]
struct Member {
    membership: Box<dyn Membership>,
    owned: BTreeSet<PartitionId>,
    revoked: BTreeSet<PartitionId>,
}

impl Member {
    async fn join(log: &dyn EventLog, name: &str) -> Self {
        Self {
            membership: settled(|| log.join(name)).await,
            owned: BTreeSet::new(),
            revoked: BTreeSet::new(),
        }
    }

    /// Takes the changes that come within a time.
    async fn look(&mut self, within: Duration) {
        let end = Instant::now() + within;
        while let Ok(change) = tokio::time::timeout_at(end, self.membership.next()).await {
            match change {
                Ok(Change::Assigned(ids)) => {
                    for id in ids {
                        assert!(self.owned.insert(id), "{id:?} was owned already");
                    }
                }
                Ok(Change::Revoked(ids)) => {
                    for id in ids {
                        assert!(self.owned.contains(&id), "{id:?} was not owned");
                        assert!(self.revoked.insert(id), "{id:?} is being revoked already");
                    }
                }
                Ok(Change::Lost(ids)) => {
                    for id in ids {
                        self.owned.remove(&id);
                        self.revoked.remove(&id);
                    }
                }
                Ok(Change::Out) => {
                    assert!(self.owned.is_empty(), "it was not told what it lost");
                    return;
                }
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    async fn release(&mut self) {
        let revoked: Vec<_> = std::mem::take(&mut self.revoked).into_iter().collect();
        for id in &revoked {
            self.owned.remove(id);
        }
        for _ in 0..200 {
            match self.membership.released(&revoked).await {
                Ok(()) => return,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
        unreachable!("released, and unavailable each time");
    }

    async fn own_all(&mut self, all: &BTreeSet<PartitionId>) {
        let until_all = async {
            while self.owned != *all || !self.revoked.is_empty() {
                self.look(GLANCE).await;
                self.release().await;
            }
        };
        timeout(PATIENCE, until_all)
            .await
            .expect("all partitions in time");
    }
}

fn all(log: &dyn EventLog) -> BTreeSet<PartitionId> {
    (0..log.partitions()).map(PartitionId).collect()
}

pub async fn a_lone_member_owns_every_partition(factory: &impl Factory) {
    let log = factory.create().await;
    let mut member = Member::join(&*log, "one").await;
    member.own_all(&all(&*log)).await;
}

pub async fn a_partition_changes_hands_only_once_it_is_released(factory: &impl Factory) {
    let log = factory.create().await;
    let all = all(&*log);
    let mut one = Member::join(&*log, "one").await;
    one.own_all(&all).await;
    let mut other = Member::join(&*log, "other").await;
    if !factory.shares() {
        other.look(GLANCE).await;
        assert_eq!(other.owned, BTreeSet::new(), "there is one owner");
        return;
    }
    let asked = async {
        while one.revoked.is_empty() {
            one.look(GLANCE).await;
            other.look(GLANCE).await;
        }
    };
    timeout(PATIENCE, asked).await.expect("a share for another");
    other.look(SUSPENSE).await;
    assert_eq!(other.owned, BTreeSet::new(), "nothing was released");

    let given = async {
        let nobody_waits = |one: &Member, other: &Member| {
            let owned = one.owned.len() + other.owned.len();
            one.revoked.is_empty() && other.revoked.is_empty() && owned == all.len()
        };
        while other.owned.is_empty() || !nobody_waits(&one, &other) {
            one.release().await;
            other.release().await;
            one.look(GLANCE).await;
            other.look(GLANCE).await;
            assert!(one.owned.is_disjoint(&other.owned), "{one:?} {other:?}");
        }
    };
    timeout(PATIENCE, given).await.expect("all owned again");
}

pub async fn what_a_member_owned_goes_to_others_when_it_leaves(factory: &impl Factory) {
    let log = factory.create().await;
    let all = all(&*log);
    let mut one = Member::join(&*log, "one").await;
    one.own_all(&all).await;
    let mut other = Member::join(&*log, "other").await;
    drop(one);
    other.own_all(&all).await;
}
