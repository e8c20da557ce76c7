use super::*;

const KEY: [u8; 32] = [1; 32];
const NOW: Millis = Millis(1_700_000_000_000);

fn invite() -> Invite {
    Invite {
        id: [2; 8],
        uses: 3,
        expires_at: NOW.saturating_add(1),
    }
}

#[test]
fn an_invite_opens_until_it_expires_and_under_its_key_only() {
    let text = invite().seal(&KEY);
    assert_eq!(Invite::open(&KEY, &text, NOW), Ok(invite()));
    assert_eq!(Invite::open(&KEY, &format!(" {text}\n"), NOW), Ok(invite()));
    let late = NOW.saturating_add(1);
    assert_eq!(Invite::open(&KEY, &text, late), Err(InviteError::Expired));
    assert_eq!(Invite::open(&[9; 32], &text, NOW), Err(InviteError::Forged));
    let beheaded: String = text.chars().skip(1).collect();
    for cut in ["", "AAAA", "not base64!", &beheaded] {
        assert_eq!(Invite::open(&KEY, cut, NOW), Err(InviteError::Forged));
    }
    let more = Invite {
        uses: 4,
        ..invite()
    };
    assert_ne!(more.seal(&KEY), text);
}

#[test]
fn every_account_tries_every_use_once() {
    let order = |account: [u8; 32]| {
        let tries = invite().attempts(&KEY, &AccountId::new(account));
        tries.collect::<Vec<_>>()
    };
    let (one, other) = (order([0; 32]), order([0xff; 32]));
    assert_eq!(one.len(), 3);
    let sorted = |mut tries: Vec<NameHash>| {
        tries.sort();
        tries.dedup();
        tries
    };
    assert_eq!(sorted(one.clone()), sorted(other));
    assert_eq!(sorted(one).len(), 3);
}
