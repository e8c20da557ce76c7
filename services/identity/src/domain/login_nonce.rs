//! Login nonces that need no memory: dated, random, recognised by their MAC.
//!
//! 32 bytes: time in ms u64 ‖ random 8 ‖ first 16 bytes of a keyed hash over both. That a nonce is
//! used on the socket it was given to, and once, is the gateway's to see.

use subtle::ConstantTimeEq;
use xchat_crypto::{derive, login::LoginNonce};
use xchat_types::{Millis, limits::CLOCK_WARN_MS};

pub(crate) const LIFETIME_MS: u64 = 60_000;
const DATED_LEN: usize = 16;

pub(crate) fn issue(key: &[u8; 32], now: Millis, random: [u8; 8]) -> LoginNonce {
    let time = now.0.to_be_bytes();
    let mut nonce = [0; LoginNonce::LEN];
    let parts = time.into_iter().chain(random);
    for (to, from) in nonce.iter_mut().zip(parts) {
        *to = from;
    }
    let tag = tag(key, &nonce);
    for (to, from) in nonce.iter_mut().skip(DATED_LEN).zip(tag) {
        *to = from;
    }
    LoginNonce::new(nonce)
}

/// Whether this installation gave the nonce out in the last minute. A sister process's clock may
/// run ahead.
pub(crate) fn is_fresh(key: &[u8; 32], nonce: &LoginNonce, now: Millis) -> bool {
    let bytes = nonce.as_bytes();
    let (dated, tag_given) = bytes.split_at(DATED_LEN);
    let genuine: bool = tag(key, bytes)
        .iter()
        .zip(tag_given)
        .fold(subtle::Choice::from(1), |same, (a, b)| same & a.ct_eq(b))
        .into();
    let Some(time) = dated.first_chunk().map(|time| u64::from_be_bytes(*time)) else {
        return false;
    };
    let issued_at = Millis(time);
    genuine && issued_at.until(now) <= LIFETIME_MS && now.until(issued_at) <= CLOCK_WARN_MS
}

/// Over the dated part only. Callers compare or copy the first 16 bytes.
fn tag(key: &[u8; 32], nonce: &[u8; LoginNonce::LEN]) -> [u8; 32] {
    let (dated, _) = nonce.split_at(DATED_LEN);
    derive::keyed_hash(key, "xchat-login-nonce-v1", dated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const NOW: Millis = Millis(1_700_000_000_000);

    #[test]
    fn a_nonce_is_good_for_a_minute() {
        let nonce = issue(&KEY, NOW, [5; 8]);
        assert!(is_fresh(&KEY, &nonce, NOW));
        assert!(is_fresh(&KEY, &nonce, NOW.saturating_add(LIFETIME_MS)));
        assert!(!is_fresh(&KEY, &nonce, NOW.saturating_add(LIFETIME_MS + 1)));
        assert!(is_fresh(&KEY, &nonce, NOW.saturating_sub(CLOCK_WARN_MS)));
        assert!(!is_fresh(
            &KEY,
            &nonce,
            NOW.saturating_sub(CLOCK_WARN_MS + 1)
        ));
    }

    #[test]
    fn a_nonce_that_was_not_given_out_is_refused() {
        let nonce = issue(&KEY, NOW, [5; 8]);
        assert!(!is_fresh(&[2; 32], &nonce, NOW));
        for index in 0..LoginNonce::LEN {
            let mut bytes = *nonce.as_bytes();
            bytes[index] ^= 1;
            assert!(
                !is_fresh(&KEY, &LoginNonce::new(bytes), NOW),
                "byte {index}"
            );
        }
        assert_ne!(nonce, issue(&KEY, NOW, [6; 8]));
    }
}
