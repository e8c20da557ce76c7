//! Safety numbers.

use xchat_crypto::safety::SafetyNumber;

use crate::sample::key;

#[test]
fn both_sides_see_the_same_sixty_digits() {
    let (anna, ben) = (key(1).public(), key(2).public());
    let number = SafetyNumber::of(&anna, &ben);
    assert_eq!(number, SafetyNumber::of(&ben, &anna));
    assert_eq!(number.digits().len(), 60);
    assert!(number.digits().chars().all(|digit| digit.is_ascii_digit()));
    let shown = number.to_string();
    assert_eq!(shown.replace(' ', ""), number.digits());
    assert!(shown.split(' ').all(|group| group.len() == 5));
    assert_eq!(format!("{number:?}"), "SafetyNumber(redacted)");
}

#[test]
fn one_who_stands_between_is_seen() {
    let (anna, ben, eve) = (key(1).public(), key(2).public(), key(3).public());
    let seen_by_anna = SafetyNumber::of(&anna, &eve);
    let seen_by_ben = SafetyNumber::of(&eve, &ben);
    assert_ne!(seen_by_anna, seen_by_ben);
    assert_ne!(seen_by_anna, SafetyNumber::of(&anna, &ben));
}
