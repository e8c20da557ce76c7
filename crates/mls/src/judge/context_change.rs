//! Who may change roles, permissions and the timer. The suite, the required capabilities and the
//! two accounts of a 1:1 conversation never change.

use std::collections::BTreeSet;

use openmls::prelude::StagedCommit;
use xchat_types::AccountId;

use super::{Refusal, Scene};
use crate::extensions::{self, Extensions, Policy, Role};

impl Scene<'_> {
    /// The extensions after the commit, where it changes them.
    pub(super) fn rule_on_context(
        &self,
        staged: &StagedCommit,
    ) -> Result<Option<Extensions>, Refusal> {
        let after = extensions::read(staged.group_context().extensions())?;
        if after == self.extensions {
            return Ok(None);
        }
        if after.direct != self.extensions.direct {
            return Err(Refusal::Unchangeable);
        }
        self.check_timer(&after.policy)?;
        self.check_permissions(&after.policy)?;
        self.check_roles(&after.policy)?;
        Ok(Some(after))
    }

    fn check_timer(&self, after: &Policy) -> Result<(), Refusal> {
        let before = &self.extensions.policy;
        if after.timer == before.timer {
            return Ok(());
        }
        if !before.may_set_timer(&self.committer.account) {
            return Err(Refusal::Role);
        }
        let expected = before
            .timer
            .changed_to(after.timer.mode, after.timer.seconds);
        if after.timer == expected {
            Ok(())
        } else {
            Err(Refusal::TimerVersion)
        }
    }

    fn check_permissions(&self, after: &Policy) -> Result<(), Refusal> {
        let before = &self.extensions.policy;
        let role = before.role(&self.committer.account);
        if after.members_may != before.members_may && role < Role::Admin {
            return Err(Refusal::Role);
        }
        Ok(())
    }

    fn check_roles(&self, after: &Policy) -> Result<(), Refusal> {
        let before = &self.extensions.policy;
        if after.roles == before.roles && after.default_role == before.default_role {
            return Ok(());
        }
        if self.extensions.direct.is_some() {
            return Err(Refusal::Unchangeable);
        }
        let role = before.role(&self.committer.account);
        if after.default_role != before.default_role && role < Role::Owner {
            return Err(Refusal::Role);
        }
        let named: BTreeSet<&AccountId> = before.roles.keys().chain(after.roles.keys()).collect();
        for account in named {
            self.check_role_of(account, role, after)?;
        }
        let owned = after.default_role == Role::Owner
            || after.roles.values().any(|role| *role == Role::Owner);
        if owned { Ok(()) } else { Err(Refusal::NoOwner) }
    }

    /// An admin or owner may change the role of accounts below it, and its own, to at most its own.
    fn check_role_of(
        &self,
        account: &AccountId,
        role: Role,
        after: &Policy,
    ) -> Result<(), Refusal> {
        let (old, new) = (self.extensions.policy.role(account), after.role(account));
        if old == new {
            return Ok(());
        }
        let below = *account == self.committer.account || old < role;
        if role >= Role::Admin && below && new <= role {
            Ok(())
        } else {
            Err(Refusal::Role)
        }
    }
}
