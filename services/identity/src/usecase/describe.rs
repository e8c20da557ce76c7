//! What everyone may know about the installation.

use xchat_crypto::PublicKey;
use xchat_types::ServerId;

use crate::{config::SignupGate, service::Identity};

#[derive(Debug)]
pub(crate) struct Description {
    pub(crate) server: ServerId,
    pub(crate) public_key: PublicKey,
    pub(crate) name: String,
    pub(crate) gate: SignupGate,
    pub(crate) jwks_json: String,
}

impl Identity {
    pub(crate) fn describe(&self) -> Description {
        Description {
            server: self.keys.server_id(),
            public_key: self.keys.server_public_key(),
            name: self.config.server_name.clone(),
            gate: self.config.signup_gate,
            jwks_json: self.jwks_json.clone(),
        }
    }
}
