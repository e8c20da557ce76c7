//! Who may be removed: a leaf of the own account, one that the control state asks for, or all
//! leaves of an account with a lower role.

use openmls::prelude::StagedCommit;
use xchat_types::AccountId;

use super::{Refusal, Scene};
use crate::{
    credential::{Leaf, LeafIndex},
    extensions::Role,
};

impl Scene<'_> {
    /// The removed leaves, in the order of the commit.
    pub(super) fn rule_on_removes(&self, staged: &StagedCommit) -> Result<Vec<Leaf>, Refusal> {
        let removed = staged
            .remove_proposals()
            .map(|queued| self.leaf_at(LeafIndex(queued.remove_proposal().removed().u32())))
            .collect::<Result<Vec<_>, _>>()?;
        for leaf in &removed {
            let own = leaf.account == self.committer.account;
            if !own && !self.case.control.asks_to_remove(leaf) {
                self.check_removal_of(&leaf.account, &removed)?;
            }
        }
        Ok(removed)
    }

    fn leaf_at(&self, index: LeafIndex) -> Result<Leaf, Refusal> {
        let found = self.leaves.iter().find(|leaf| leaf.index == index);
        found.copied().ok_or(Refusal::Invalid)
    }

    fn check_removal_of(&self, account: &AccountId, removed: &[Leaf]) -> Result<(), Refusal> {
        let policy = &self.extensions.policy;
        let role = policy.role(&self.committer.account);
        if role < Role::Admin || policy.role(account) >= role {
            return Err(Refusal::Role);
        }
        let complete = self
            .leaves
            .iter()
            .filter(|leaf| leaf.account == *account)
            .all(|leaf| removed.contains(leaf));
        if complete {
            Ok(())
        } else {
            Err(Refusal::PartialRemoval)
        }
    }
}
