//! What every directory store does.

use std::{collections::BTreeSet, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinSet;
use xchat_types::{AccountId, ClaimId, DeviceId, KeyPackageRef, Millis};

use super::settle::settled;
use crate::{
    DirectoryStore, PortError,
    directory_store::{KeyPackageCount, KeyPackageRow, NameClaim, NameHash, NameRow},
};

/// Makes stores of an adapter. Every store is empty.
#[async_trait]
pub trait Factory: fmt::Debug + Send + Sync {
    async fn create(&self) -> Arc<dyn DirectoryStore>;

    /// The same store after a clean stop. An adapter that keeps nothing returns it as it is.
    async fn reopen(&self, store: Arc<dyn DirectoryStore>) -> Arc<dyn DirectoryStore>;
}

/// Tests of the directory store contract for each of the factories.
#[macro_export]
macro_rules! directory_store_contract {
    ($factories:expr) => {
        $crate::contract_clauses! { directory_store, $factories,
            an_account_is_created_once_and_the_same_value_again_is_success
            an_account_is_swapped_only_from_the_value_that_was_read
            a_device_is_found_by_its_account_and_by_itself
            a_name_belongs_to_the_first_that_claims_it
            sixteen_claims_of_one_name_have_one_winner
            a_released_name_is_free_for_others_after_its_quarantine_only
            only_its_holder_releases_a_name
            a_key_package_is_handed_out_at_most_once
            sixteen_claimers_at_once_get_sixteen_packages
            the_same_claim_gets_the_same_package_again
            the_last_resort_package_is_handed_out_only_when_no_other_is_left
            publishing_again_does_not_free_a_claimed_package
            an_unusable_package_is_neither_counted_nor_handed_out
            a_session_is_swapped_only_from_the_value_that_was_read
            revocations_are_read_by_minute
            everything_is_there_after_reopening
        }
    };
}

const NOW: Millis = Millis(1_700_000_000_000);
/// 2100-01-01.
const FAR: Millis = Millis(4_102_444_800_000);
const SUITE: u16 = 2;

fn account(number: u8) -> AccountId {
    AccountId::new([number; AccountId::LEN])
}

fn device(number: u8) -> DeviceId {
    DeviceId::new([number; DeviceId::LEN])
}

fn claim_id(number: u8) -> ClaimId {
    ClaimId::new([number; ClaimId::LEN])
}

fn value(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn package(number: u8, last_resort: bool) -> KeyPackageRow {
    KeyPackageRow {
        reference: KeyPackageRef::new([number; KeyPackageRef::LEN]),
        suite: SUITE,
        last_resort,
        usable_until: FAR,
        value: value(&format!("package {number}")),
    }
}

async fn publish(store: &dyn DirectoryStore, rows: &[KeyPackageRow]) {
    settled(|| store.publish_key_packages(device(1), rows)).await;
}

async fn claim(store: &dyn DirectoryStore, number: u8) -> Option<KeyPackageRow> {
    settled(|| store.claim_key_package(device(1), SUITE, claim_id(number), NOW)).await
}

async fn count(store: &dyn DirectoryStore) -> Vec<KeyPackageCount> {
    settled(|| store.count_key_packages(device(1), NOW)).await
}

pub async fn an_account_is_created_once_and_the_same_value_again_is_success(
    factory: &impl Factory,
) {
    let store = factory.create().await;
    assert_eq!(settled(|| store.read_account(account(1))).await, None);
    for _ in 0..2 {
        settled(|| store.create_account(account(1), value("one"))).await;
    }
    let conflict = loop {
        match store.create_account(account(1), value("two")).await {
            Err(error) if error.is_retryable() => {}
            other => break other,
        }
    };
    assert!(
        matches!(conflict, Err(PortError::Conflict(_))),
        "{conflict:?}"
    );
    let found = settled(|| store.read_account(account(1))).await;
    assert_eq!(found, Some(value("one")));
}

/// Swaps until the stored value is `to`: an unknown outcome is read back.
async fn swap_account(store: &dyn DirectoryStore, from: &str, to: &str) -> bool {
    let answer = store.swap_account(account(1), value(from), value(to)).await;
    match answer {
        Ok(swapped) => swapped,
        Err(error) => {
            assert!(error.is_retryable(), "{error}");
            let found = settled(|| store.read_account(account(1))).await;
            if found == Some(value(to)) {
                return true;
            }
            Box::pin(swap_account(store, from, to)).await
        }
    }
}

pub async fn an_account_is_swapped_only_from_the_value_that_was_read(factory: &impl Factory) {
    let store = factory.create().await;
    assert!(
        !swap_account(&*store, "one", "two").await,
        "no such account"
    );
    assert_eq!(settled(|| store.read_account(account(1))).await, None);
    settled(|| store.create_account(account(1), value("one"))).await;
    assert!(swap_account(&*store, "one", "two").await);
    assert!(!swap_account(&*store, "one", "three").await);
    let found = settled(|| store.read_account(account(1))).await;
    assert_eq!(found, Some(value("two")));
}

pub async fn a_device_is_found_by_its_account_and_by_itself(factory: &impl Factory) {
    let store = factory.create().await;
    for (owner, number) in [(1, 8), (1, 3), (2, 5)] {
        let text = format!("device {number}");
        settled(|| store.write_device(account(owner), device(number), value(&text))).await;
    }
    settled(|| store.write_device(account(1), device(3), value("changed"))).await;
    let found = settled(|| store.read_device(device(5))).await;
    assert_eq!(found, Some((account(2), value("device 5"))));
    assert_eq!(settled(|| store.read_device(device(9))).await, None);
    let listed = settled(|| store.list_devices(account(1))).await;
    let expected = [
        (device(3), value("changed")),
        (device(8), value("device 8")),
    ];
    assert_eq!(listed, expected);
    assert_eq!(settled(|| store.list_devices(account(3))).await, []);
}

const NAME: NameHash = NameHash([1; 32]);

async fn claim_name(store: &dyn DirectoryStore, number: u8, now: Millis) -> NameClaim {
    settled(|| store.claim_name(NAME, account(number), now)).await
}

async fn read_name(store: &dyn DirectoryStore) -> Option<NameRow> {
    settled(|| store.read_name(NAME)).await
}

fn held_by(number: u8, quarantined_until: Option<Millis>) -> NameRow {
    NameRow {
        account: account(number),
        quarantined_until,
    }
}

pub async fn a_name_belongs_to_the_first_that_claims_it(factory: &impl Factory) {
    let store = factory.create().await;
    assert_eq!(read_name(&*store).await, None);
    assert_eq!(claim_name(&*store, 1, NOW).await, NameClaim::Held);
    assert_eq!(claim_name(&*store, 2, NOW).await, NameClaim::Taken);
    assert_eq!(claim_name(&*store, 1, NOW).await, NameClaim::Held);
    assert_eq!(read_name(&*store).await, Some(held_by(1, None)));
    let other = settled(|| store.claim_name(NameHash([2; 32]), account(2), NOW)).await;
    assert_eq!(other, NameClaim::Held);
}

pub async fn sixteen_claims_of_one_name_have_one_winner(factory: &impl Factory) {
    let store = factory.create().await;
    for round in 0..20 {
        let name = NameHash([round; 32]);
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                (
                    number,
                    settled(|| store.claim_name(name, account(number), NOW)).await,
                )
            });
        }
        let mut winners = Vec::new();
        while let Some(done) = tasks.join_next().await {
            if let (number, NameClaim::Held) = done.expect("a claimer") {
                winners.push(number);
            }
        }
        assert_eq!(winners.len(), 1, "{winners:?}");
        let row = settled(|| store.read_name(name)).await;
        assert_eq!(row, Some(held_by(winners[0], None)));
    }
}

pub async fn a_released_name_is_free_for_others_after_its_quarantine_only(factory: &impl Factory) {
    let store = factory.create().await;
    let until = NOW.saturating_add(1_000);
    claim_name(&*store, 1, NOW).await;
    settled(|| store.release_name(NAME, account(1), until)).await;
    assert_eq!(read_name(&*store).await, Some(held_by(1, Some(until))));
    let just_before = until.saturating_sub(1);
    assert_eq!(claim_name(&*store, 2, just_before).await, NameClaim::Taken);
    assert_eq!(claim_name(&*store, 2, until).await, NameClaim::Held);
    assert_eq!(read_name(&*store).await, Some(held_by(2, None)));

    // Within its quarantine the account that had it may have it back.
    settled(|| store.release_name(NAME, account(2), until.saturating_add(5_000))).await;
    assert_eq!(claim_name(&*store, 2, until).await, NameClaim::Held);
    assert_eq!(read_name(&*store).await, Some(held_by(2, None)));
}

pub async fn only_its_holder_releases_a_name(factory: &impl Factory) {
    let store = factory.create().await;
    settled(|| store.release_name(NAME, account(1), NOW)).await;
    assert_eq!(read_name(&*store).await, None);
    claim_name(&*store, 1, NOW).await;
    settled(|| store.release_name(NAME, account(2), NOW)).await;
    assert_eq!(read_name(&*store).await, Some(held_by(1, None)));
    // A second release does not move the end of the quarantine.
    for until in [NOW, NOW.saturating_add(9)] {
        settled(|| store.release_name(NAME, account(1), until)).await;
    }
    assert_eq!(read_name(&*store).await, Some(held_by(1, Some(NOW))));
}

pub async fn a_key_package_is_handed_out_at_most_once(factory: &impl Factory) {
    let store = factory.create().await;
    publish(&*store, &[package(1, false), package(2, false)]).await;
    let first = claim(&*store, 1).await.expect("a package");
    let second = claim(&*store, 2).await.expect("another package");
    assert_ne!(first.reference, second.reference);
    assert_eq!(claim(&*store, 3).await, None);
    let other = settled(|| store.claim_key_package(device(2), SUITE, claim_id(4), NOW)).await;
    assert_eq!(other, None);
    let other = settled(|| store.claim_key_package(device(1), 1, claim_id(5), NOW)).await;
    assert_eq!(other, None, "another suite");
}

pub async fn sixteen_claimers_at_once_get_sixteen_packages(factory: &impl Factory) {
    let store = factory.create().await;
    for round in 0..20 {
        let owner = device(round);
        let mut rows: Vec<_> = (0..12).map(|number| package(number, false)).collect();
        rows.push(package(100, true));
        settled(|| store.publish_key_packages(owner, &rows)).await;
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let store = Arc::clone(&store);
            tasks.spawn(async move {
                settled(|| store.claim_key_package(owner, SUITE, claim_id(number), NOW)).await
            });
        }
        let mut once = BTreeSet::new();
        let mut last_resort = 0;
        while let Some(done) = tasks.join_next().await {
            let row = done.expect("a claimer").expect("the last resort at least");
            if row.last_resort {
                last_resort += 1;
            } else {
                assert!(once.insert(row.reference), "handed out twice");
            }
        }
        assert_eq!((once.len(), last_resort), (12, 4));
    }
}

pub async fn the_same_claim_gets_the_same_package_again(factory: &impl Factory) {
    let store = factory.create().await;
    publish(
        &*store,
        &[package(1, false), package(2, false), package(3, true)],
    )
    .await;
    let first = claim(&*store, 1).await;
    assert!(first.is_some());
    let again = claim(&*store, 1).await;
    assert_eq!(again, first, "made again it got another package");
    let second = claim(&*store, 2).await;
    assert_ne!(second, first);
    let third = claim(&*store, 3).await;
    assert_eq!(third, Some(package(3, true)));
    // Also when there are others again.
    publish(&*store, &[package(4, false)]).await;
    assert_eq!(claim(&*store, 3).await, third);
    assert_eq!(claim(&*store, 1).await, first);
    assert_eq!(claim(&*store, 4).await, Some(package(4, false)));
}

pub async fn the_last_resort_package_is_handed_out_only_when_no_other_is_left(
    factory: &impl Factory,
) {
    let store = factory.create().await;
    publish(&*store, &[package(0, true), package(1, false)]).await;
    let expected = KeyPackageCount {
        suite: SUITE,
        one_time: 1,
        last_resort: true,
    };
    assert_eq!(count(&*store).await, [expected]);
    assert_eq!(claim(&*store, 1).await, Some(package(1, false)));
    for number in 2..5 {
        assert_eq!(claim(&*store, number).await, Some(package(0, true)));
    }
    let expected = KeyPackageCount {
        one_time: 0,
        ..expected
    };
    assert_eq!(count(&*store).await, [expected]);
}

pub async fn publishing_again_does_not_free_a_claimed_package(factory: &impl Factory) {
    let store = factory.create().await;
    for _ in 0..2 {
        publish(&*store, &[package(1, false)]).await;
    }
    assert_eq!(
        count(&*store).await.first().map(|count| count.one_time),
        Some(1)
    );
    assert_eq!(claim(&*store, 1).await, Some(package(1, false)));
    publish(&*store, &[package(1, false)]).await;
    assert_eq!(
        count(&*store)
            .await
            .iter()
            .map(|count| count.one_time)
            .sum::<u32>(),
        0
    );
    assert_eq!(claim(&*store, 2).await, None);
    assert_eq!(claim(&*store, 1).await, Some(package(1, false)));
}

pub async fn an_unusable_package_is_neither_counted_nor_handed_out(factory: &impl Factory) {
    let store = factory.create().await;
    let ended = |number, last_resort| KeyPackageRow {
        usable_until: NOW,
        ..package(number, last_resort)
    };
    publish(&*store, &[ended(1, false), ended(2, true)]).await;
    assert_eq!(count(&*store).await, []);
    assert_eq!(claim(&*store, 1).await, None);
    publish(&*store, &[package(3, false)]).await;
    assert_eq!(claim(&*store, 1).await, Some(package(3, false)));
}

/// Swaps; an unknown outcome is read back.
async fn swap_session(store: &dyn DirectoryStore, from: Option<&str>, to: &str) -> bool {
    let answer = store
        .swap_session(device(1), from.map(value), value(to))
        .await;
    match answer {
        Ok(swapped) => swapped,
        Err(error) => {
            assert!(error.is_retryable(), "{error}");
            let found = settled(|| store.read_session(device(1))).await;
            if found == Some(value(to)) {
                return true;
            }
            Box::pin(swap_session(store, from, to)).await
        }
    }
}

pub async fn a_session_is_swapped_only_from_the_value_that_was_read(factory: &impl Factory) {
    let store = factory.create().await;
    assert_eq!(settled(|| store.read_session(device(1))).await, None);
    assert!(!swap_session(&*store, Some("zero"), "one").await);
    assert!(swap_session(&*store, None, "one").await);
    assert!(!swap_session(&*store, None, "other").await);
    assert!(swap_session(&*store, Some("one"), "two").await);
    assert!(!swap_session(&*store, Some("one"), "three").await);
    assert_eq!(
        settled(|| store.read_session(device(1))).await,
        Some(value("two"))
    );
}

pub async fn revocations_are_read_by_minute(factory: &impl Factory) {
    let store = factory.create().await;
    for (minute, number) in [(7, 1), (7, 2), (8, 3), (7, 1)] {
        settled(|| store.append_revocation(minute, device(number))).await;
    }
    let mut found = settled(|| store.read_revocations(7)).await;
    found.sort_unstable();
    assert_eq!(found, [device(1), device(2)]);
    assert_eq!(settled(|| store.read_revocations(8)).await, [device(3)]);
    assert_eq!(settled(|| store.read_revocations(9)).await, []);
}

pub async fn everything_is_there_after_reopening(factory: &impl Factory) {
    let store = factory.create().await;
    settled(|| store.create_account(account(1), value("one"))).await;
    settled(|| store.write_device(account(1), device(1), value("device"))).await;
    claim_name(&*store, 1, NOW).await;
    publish(&*store, &[package(1, false), package(2, false)]).await;
    let claimed = claim(&*store, 1).await;
    assert!(swap_session(&*store, None, "session").await);
    settled(|| store.append_revocation(5, device(2))).await;
    let store = factory.reopen(store).await;
    assert_eq!(
        settled(|| store.read_account(account(1))).await,
        Some(value("one"))
    );
    let found = settled(|| store.read_device(device(1))).await;
    assert_eq!(found, Some((account(1), value("device"))));
    assert_eq!(read_name(&*store).await, Some(held_by(1, None)));
    assert_eq!(claim(&*store, 1).await, claimed);
    assert_ne!(claim(&*store, 2).await, claimed);
    assert_eq!(claim(&*store, 3).await, None);
    assert_eq!(
        settled(|| store.read_session(device(1))).await,
        Some(value("session"))
    );
    assert_eq!(settled(|| store.read_revocations(5)).await, [device(2)]);
}
