//! What a device signs to log in and to exchange a refresh token.

use xchat_types::{DeviceId, Millis, ServerId};

use crate::{
    canonical::Malformed,
    derive::sha256,
    sign::{BadSignature, Label, PublicKey, SecretKey, Signature},
};

/// A nonce that the server gave to one socket, good for one login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoginNonce([u8; 32]);

impl LoginNonce {
    pub const LEN: usize = 32;

    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for LoginNonce {
    type Error = Malformed;

    fn try_from(bytes: &[u8]) -> Result<Self, Malformed> {
        bytes.try_into().map(Self).map_err(|_| Malformed)
    }
}

/// Signed under the label "xchat-login-v1", 88 bytes: server id 32 ‖ device id 16 ‖ nonce 32 ‖
/// time in ms u64. The server id keeps a server from logging in elsewhere with what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginTranscript {
    pub server: ServerId,
    pub device: DeviceId,
    pub nonce: LoginNonce,
    pub time: Millis,
}

impl LoginTranscript {
    pub fn sign(&self, device: &SecretKey) -> Signature {
        device.sign(Label::Login, &self.to_bytes())
    }

    /// That the nonce is fresh and the time near is for the caller to check.
    pub fn verify(&self, device: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        device.verify(Label::Login, &self.to_bytes(), signature)
    }

    pub fn to_bytes(self) -> Vec<u8> {
        transcript(self.server, self.device, self.nonce.as_bytes(), self.time)
    }
}

/// Signed under the label "xchat-refresh-v1", 88 bytes: server id 32 ‖ device id 16 ‖ SHA-256 of the
/// refresh token 32 ‖ time in ms u64. The token is spent with it, so no nonce is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshTranscript<'a> {
    pub server: ServerId,
    pub device: DeviceId,
    pub token: &'a [u8],
    pub time: Millis,
}

impl RefreshTranscript<'_> {
    pub fn sign(&self, device: &SecretKey) -> Signature {
        device.sign(Label::Refresh, &self.to_bytes())
    }

    /// That the token is unspent and the time near is for the caller to check.
    pub fn verify(&self, device: &PublicKey, signature: &Signature) -> Result<(), BadSignature> {
        device.verify(Label::Refresh, &self.to_bytes(), signature)
    }

    pub fn to_bytes(self) -> Vec<u8> {
        let token = sha256(&[self.token]);
        transcript(self.server, self.device, &token, self.time)
    }
}

fn transcript(server: ServerId, device: DeviceId, once: &[u8; 32], time: Millis) -> Vec<u8> {
    [
        server.as_bytes().as_slice(),
        device.as_bytes(),
        once,
        &time.0.to_be_bytes(),
    ]
    .concat()
}
