//! Pure and synchronous: no ports, no clock, no randomness of its own.

pub(crate) mod account;
pub(crate) mod device;
pub(crate) mod invite;
pub(crate) mod login_nonce;
pub(crate) mod rate;
pub(crate) mod refresh_token;
pub(crate) mod session;
pub(crate) mod username;
