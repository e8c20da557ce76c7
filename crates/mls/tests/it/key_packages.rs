//! Key packages, as identity and committers check them.

use xchat_mls::{KeyPackageBytes, KeyPackageError, Suite, group::CommitError, verify_key_package};
use xchat_types::RecordKind;

use crate::{
    person::{Person, adding, gather},
    server::{self, Server},
};

const DAY: u64 = 86_400_000;

#[test]
fn a_package_says_whose_it_is_on_both_suites() {
    for suite in Suite::ALL {
        for last_resort in [false, true] {
            let mut person = Person::new(1);
            let now = server::now();
            let made = person
                .packages
                .generate(&person.device, suite, now, last_resort)
                .unwrap();
            let verified = verify_key_package(&made.bytes, now).unwrap();
            assert_eq!(verified.reference, made.reference);
            assert_eq!(
                (verified.account, verified.device),
                (person.account(), person.id())
            );
            assert_eq!((verified.suite, verified.last_resort), (suite, last_resort));
            assert_eq!(person.packages.references(), [made.reference]);
            person.packages.forget(&made.reference);
            assert_eq!(person.packages.references(), []);
            assert!(
                person.packages.take_changes().is_empty(),
                "made and gone in one step"
            );
        }
    }
}

#[test]
fn a_package_is_refused_where_the_law_of_the_judge_would_refuse_it() {
    let mut person = Person::new(1);
    let package = person.package(Suite::Classical);
    let now = server::now();
    let at = |time| verify_key_package(&package, time).map(|_| ());
    assert_eq!(at(now.saturating_sub(DAY - 60_000)), Ok(()));
    assert_eq!(
        at(now.saturating_sub(DAY + 60_000)),
        Err(KeyPackageError::Lifetime)
    );
    assert_eq!(at(now.saturating_add(37 * DAY - 60_000)), Ok(()));
    assert_eq!(
        at(now.saturating_add(37 * DAY + 60_000)),
        Err(KeyPackageError::Lifetime)
    );
}

#[test]
fn no_bent_or_cut_package_passes_or_panics() {
    let mut person = Person::new(1);
    let bytes = person.package(Suite::Classical).into_bytes();
    let now = server::now();
    for at in 0..bytes.len() {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        assert!(verify_key_package(&bent.into(), now).is_err(), "byte {at}");
        assert!(verify_key_package(&bytes[..at].to_vec().into(), now).is_err());
    }
    assert!(verify_key_package(&KeyPackageBytes::from(bytes), now).is_ok());
}

#[test]
fn a_package_of_another_suite_is_not_added() {
    let mut a = Person::new(1);
    gather(&mut Server::new(), Suite::Classical, &mut [&mut a]);
    let hybrid = Person::new(2).package(Suite::Hybrid);
    let header = a.header(RecordKind::CommitBundle);
    let device = a.device.clone();
    let made = a.group().commit(&device, &header, &adding(vec![hybrid]));
    assert_eq!(made.unwrap_err(), CommitError::Suite);
}
