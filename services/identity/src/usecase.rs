//! One verb a file. What is written together, and in which order, is decided here and nowhere else.

mod challenge;
mod claim_key_packages;
mod count_key_packages;
mod describe;
mod list_revocations;
mod login;
mod lookup_username;
mod publish_key_packages;
mod refresh_session;
mod register_account;
mod set_username;
mod use_invite;

pub(crate) use challenge::Challenges;
pub(crate) use claim_key_packages::ClaimedPackage;
pub(crate) use describe::Description;
pub(crate) use list_revocations::Revocations;
pub(crate) use login::{Login, Opened};
pub(crate) use publish_key_packages::{MAX_PACKAGES, OfferedPackage};
pub(crate) use refresh_session::Refreshing;
pub(crate) use register_account::Registration;
