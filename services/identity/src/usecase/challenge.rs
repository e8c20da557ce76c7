//! Hands out a sign-up challenge and a login nonce. Neither is remembered.

use xchat_crypto::{
    login::LoginNonce,
    proof::{Challenge, SignedChallenge},
};
use xchat_ports::ambient;

use crate::{domain::login_nonce, service::Identity};

#[derive(Debug)]
pub(crate) struct Challenges {
    pub(crate) signup: SignedChallenge,
    pub(crate) login: LoginNonce,
}

impl Identity {
    pub(crate) fn challenge(&self) -> Challenges {
        let now = self.clock.now();
        let rng = self.rng.as_ref();
        let challenge = Challenge {
            issued_at: now,
            effort: self.config.proof_effort,
            target_bits: self.config.proof_target_bits,
            random: ambient::random(rng),
        };
        Challenges {
            signup: challenge.sign(self.keys.server_key()),
            login: login_nonce::issue(&self.secrets.nonce, now, ambient::random(rng)),
        }
    }
}
