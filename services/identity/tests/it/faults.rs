//! A directory that fails at any step: the same request again always mends it.

use std::{collections::BTreeSet, sync::Arc};

use tonic::{Response, Status};
use xchat_adapter_memory::{Faults, MemoryDirectoryStore};
use xchat_proto::{common::Reason, convert::id_bytes};
use xchat_runtime::status;

use crate::{
    house::{House, easy},
    person::{Person, send},
};

const SEEDS: u64 = 24;

/// Repeats a request while the directory is at fault.
async fn persist<T, F>(mut call: impl FnMut() -> F) -> Result<T, Reason>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    for _ in 0..1_000 {
        let refused = match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => status::failure(&status).reason(),
        };
        if refused != Reason::Unavailable {
            return Err(refused);
        }
    }
    panic!("no end of faults");
}

#[tokio::test]
async fn a_signup_that_is_torn_anywhere_is_mended_by_the_same_request() {
    let mut refused = 0;
    for seed in 0..SEEDS {
        let store = MemoryDirectoryStore::new();
        let house = House::on(Arc::new(store.clone()), &easy());
        let (alice, bob) = (Person::new(1), Person::new(2));
        let of_alice = alice.registration(&house, "wanted").await;
        let of_bob = bob.registration(&house, "wanted").await;
        store.set_faults(Faults {
            seed,
            refused: 200,
            unknown: 200,
            ..Faults::none()
        });
        let (first, second) = tokio::join!(
            persist(|| send(&house, of_alice.clone())),
            persist(|| send(&house, of_bob.clone())),
        );
        store.set_faults(Faults::none());
        let outcomes = [(alice, first), (bob, second)];
        let mut holders = BTreeSet::new();
        for (person, outcome) in outcomes {
            let account = house
                .directory
                .read_account(person.account())
                .await
                .unwrap();
            match outcome {
                Ok(_) => {
                    assert!(account.is_some());
                    person.login(&house).await;
                    holders.insert(id_bytes(&person.account()));
                }
                Err(reason) => {
                    assert_eq!(reason, Reason::UsernameTaken, "seed {seed}");
                    assert_eq!(account, None);
                    refused += 1;
                }
            }
        }
        assert_eq!(holders.len(), 1, "seed {seed}");
        let found = Person::new(3).lookup(&house, "wanted").await.unwrap();
        let found = found.into_inner().lookup_username.unwrap().account_id;
        assert!(holders.contains(&found));
    }
    assert_eq!(refused, SEEDS);
}

#[tokio::test]
async fn a_change_of_name_that_is_torn_anywhere_leaves_one_name_and_one_at_rest() {
    for seed in 0..SEEDS {
        let store = MemoryDirectoryStore::new();
        let config = xchat_identity::Config {
            username_limit: xchat_identity::config::RateLimit {
                burst: 10_000,
                every: xchat_runtime::config::HumanDuration::from_secs(1),
            },
            ..easy()
        };
        let house = House::on(Arc::new(store.clone()), &config);
        let (alice, bob) = (Person::new(1), Person::new(2));
        alice.register(&house, "before").await;
        bob.register(&house, "").await;
        store.set_faults(Faults {
            seed,
            refused: 200,
            unknown: 200,
            ..Faults::none()
        });
        let changed = persist(|| alice.set_username(&house, "after")).await;
        store.set_faults(Faults::none());
        assert!(changed.is_ok(), "seed {seed}");
        assert!(bob.lookup(&house, "after").await.is_ok());
        assert!(bob.lookup(&house, "before").await.is_err());
        // At rest, and not lost: it comes free.
        house.clock.advance(30 * 86_400_000);
        let taken_over = bob.set_username(&house, "before").await;
        assert!(taken_over.is_ok(), "seed {seed}");
    }
}
