//! What a group's members have agreed on: our own extensions of the `GroupContext`
//! (RFC 9420, section 8.1), in the private-use range, required of every leaf. Members sign and
//! agree on them with each epoch, so no server can change a role or a timer.

mod context;
mod direct;
mod policy;

pub use direct::{Direct, SameAccount};
pub use policy::{Permissions, Policy, Role, Timer, TimerMode};

pub(crate) use context::{capabilities, read, write};

use thiserror::Error;
use xchat_types::AccountId;

use crate::canonical::NotCanonical;

/// Everything that our extensions say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extensions {
    pub policy: Policy,
    /// Of a 1:1 conversation.
    pub direct: Option<Direct>,
}

impl Extensions {
    /// Of a 1:1 conversation: both accounts are owners, so neither can remove or demote the other.
    pub fn direct(direct: Direct) -> Self {
        let roles = direct.accounts().map(|account| (account, Role::Owner));
        Self {
            policy: Policy {
                roles: roles.into_iter().collect(),
                ..Policy::default()
            },
            direct: Some(direct),
        }
    }

    /// Of a group whose creator is its only owner.
    pub fn group(creator: AccountId) -> Self {
        Self {
            policy: Policy {
                roles: [(creator, Role::Owner)].into(),
                ..Policy::default()
            },
            direct: None,
        }
    }
}

/// Why the extensions of a group context are not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ExtensionError {
    #[error("an extension is missing, foreign or there twice")]
    WrongSet,
    #[error("the required capabilities are not exactly ours")]
    RequiredCapabilities,
    #[error("an extension does not have its canonical encoding")]
    NotCanonical(#[from] NotCanonical),
    #[error("the policy names more than 1,000 accounts")]
    TooManyRoles,
}
