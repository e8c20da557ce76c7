//! Sign-up by invitation.

use xchat_adapter_memory::SeededRng;
use xchat_identity::{Config, config::SignupGate, invite};
use xchat_proto::{client, common::Reason};

use crate::{
    house::{House, easy, reason},
    person::{Person, send},
    signup::assert_no_trace,
};

fn gated() -> Config {
    Config {
        signup_gate: SignupGate::Invite,
        ..easy()
    }
}

fn invited(house: &House, uses: u16, days: u16) -> String {
    invite::create(&house.keys, uses, days, house.now(), &SeededRng::new(5)).unwrap()
}

async fn register(house: &House, number: u8, invite: &str, name: &str) -> Result<(), Reason> {
    let mut request = Person::new(number).registration(house, name).await;
    invite.clone_into(&mut request.invite);
    let answer = send(house, request).await;
    if answer.is_ok() {
        return Ok(());
    }
    Err(reason(answer))
}

#[tokio::test]
async fn an_invite_lets_in_as_many_as_it_says_and_each_again() {
    for house in House::each(&gated()) {
        let text = invited(&house, 2, 1);
        assert_eq!(register(&house, 1, &text, "").await, Ok(()));
        assert_eq!(register(&house, 1, &text, "").await, Ok(()));
        assert_eq!(register(&house, 2, &text, "").await, Ok(()));
        assert_eq!(register(&house, 2, &text, "").await, Ok(()));
        let third = register(&house, 3, &text, "").await;
        assert_eq!(third, Err(Reason::InviteInvalid));
        assert_no_trace(&house, &Person::new(3)).await;
    }
}

#[tokio::test]
async fn of_sixteen_at_once_an_invite_lets_in_exactly_its_number() {
    for house in House::each(&gated()) {
        let text = invited(&house, 5, 1);
        let sent = (1..=16).map(|number| register(&house, number, &text, ""));
        let answers = futures_util::future::join_all(sent).await;
        let let_in = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(let_in, 5);
    }
}

#[tokio::test]
async fn without_an_invite_with_a_forged_or_an_old_one_nobody_enters() {
    let house = House::memory(&gated());
    assert_eq!(
        house.describe().await.signup_gate(),
        client::SignupGate::Invite
    );
    let missing = register(&house, 1, "", "").await;
    assert_eq!(missing, Err(Reason::InviteRequired));
    for forged in ["letmein", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let refused = register(&house, 1, forged, "").await;
        assert_eq!(refused, Err(Reason::InviteInvalid));
    }
    let text = invited(&house, 1, 1);
    house.clock.advance(86_400_000);
    assert_eq!(
        register(&house, 1, &text, "").await,
        Err(Reason::InviteInvalid)
    );
    assert_no_trace(&house, &Person::new(1)).await;
}

#[tokio::test]
async fn a_use_whose_username_was_taken_waits_for_the_same_account() {
    let house = House::memory(&gated());
    let text = invited(&house, 2, 1);
    assert_eq!(register(&house, 1, &text, "alice").await, Ok(()));
    let taken = register(&house, 2, &text, "alice").await;
    assert_eq!(taken, Err(Reason::UsernameTaken));
    let other = register(&house, 3, &text, "").await;
    assert_eq!(other, Err(Reason::InviteInvalid));
    assert_eq!(register(&house, 2, &text, "bob").await, Ok(()));
}

#[test]
fn an_invite_has_between_one_and_a_hundred_uses() {
    let house_keys = xchat_auth::InstallationKeys::generate(&SeededRng::new(1));
    let now = xchat_types::Millis(1_700_000_000_000);
    let make = |uses| invite::create(&house_keys, uses, 7, now, &SeededRng::new(5));
    assert!(make(0).is_err());
    assert!(make(101).is_err());
    assert!(make(100).is_ok());
}
