use super::*;

const NOW: Millis = Millis(1_700_000_000_000);
const LIFE: u64 = 1_000;

#[test]
fn a_token_is_good_once_and_its_return_ends_the_session() {
    let first = Session::start(SessionId::new([1; 16]), NOW);
    let token = first.token();
    let Refresh::Renewed(second) = first.refresh(token, NOW, LIFE) else {
        panic!("the first use is good");
    };
    assert_eq!(second.generation, 1);
    let Refresh::Reused(ended) = second.refresh(token, NOW, LIFE) else {
        panic!("the second use is noticed");
    };
    assert_eq!(ended.refresh(second.token(), NOW, LIFE), Refresh::Ended);
}

#[test]
fn idle_foreign_and_future_tokens_end_nothing_and_get_nothing() {
    let session = Session::start(SessionId::new([1; 16]), NOW);
    let late = NOW.saturating_add(LIFE + 1);
    assert_eq!(session.refresh(session.token(), late, LIFE), Refresh::Ended);
    let other = Session::start(SessionId::new([2; 16]), NOW);
    assert_eq!(session.refresh(other.token(), NOW, LIFE), Refresh::Ended);
    let ahead = RefreshToken {
        generation: 1,
        ..session.token()
    };
    assert_eq!(session.refresh(ahead, NOW, LIFE), Refresh::Ended);
}

#[test]
fn a_row_survives_storage_and_garbage_is_an_error() {
    let session = Session::start(SessionId::new([1; 16]), NOW);
    assert_eq!(Session::from_row(&session.to_row()).ok(), Some(session));
    assert!(Session::from_row(b"\xff\xff").is_err());
    assert!(Session::from_row(b"").is_err(), "an id of no bytes");
}
