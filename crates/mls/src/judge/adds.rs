//! Who may be added, and with which key packages.

use std::collections::BTreeSet;

use openmls::prelude::{KeyPackage, StagedCommit};
use openmls_rust_crypto::RustCrypto;

use super::{Refusal, Scene};
use crate::{
    credential::{self, Leaf, LeafIndex},
    lifetime,
};

/// An added leaf, before its welcome is found.
pub(super) struct Arrival {
    pub(super) leaf: Leaf,
    pub(super) known_account: bool,
    /// `KeyPackageRef` (RFC 9420, section 5.2), as long as the suite's hash.
    pub(super) reference: Vec<u8>,
}

impl Scene<'_> {
    /// The added leaves, in the order of the commit.
    pub(super) fn rule_on_adds(
        &self,
        staged: &StagedCommit,
        removed: &[Leaf],
    ) -> Result<Vec<Arrival>, Refusal> {
        let adds = staged.add_proposals().count();
        if adds > self.suite.max_adds() {
            return Err(Refusal::TooManyAdds);
        }
        if self.leaves.len() + adds > self.suite.max_leaves() + removed.len() {
            return Err(Refusal::TooManyLeaves);
        }
        staged
            .add_proposals()
            .zip(self.free_indices(removed))
            .map(|(queued, index)| self.admit(queued.add_proposal().key_package(), index))
            .collect()
    }

    /// Where added leaves go: the leftmost blank ones after the removals, then new ones to the
    /// right (RFC 9420, section 12.1.1).
    fn free_indices(&self, removed: &[Leaf]) -> impl Iterator<Item = LeafIndex> {
        let taken: BTreeSet<LeafIndex> = self
            .leaves
            .iter()
            .filter(|leaf| !removed.contains(leaf))
            .map(|leaf| leaf.index)
            .collect();
        (0..=u32::MAX)
            .map(LeafIndex)
            .filter(move |index| !taken.contains(index))
    }

    fn admit(&self, key_package: &KeyPackage, index: LeafIndex) -> Result<Arrival, Refusal> {
        let leaf = credential::verify_node(index, key_package.leaf_node())?;
        if !lifetime::is_lawful(key_package.life_time(), self.case.appended_at) {
            return Err(Refusal::Lifetime);
        }
        self.check_right_to_add(&leaf)?;
        let reference = key_package
            .hash_ref(&RustCrypto::default())
            .map_err(|_| Refusal::Invalid)?;
        Ok(Arrival {
            leaf,
            known_account: self.leaves.iter().any(|known| {
                known.account == leaf.account && !self.case.control.has_departed(&known.device)
            }),
            reference: reference.as_slice().to_vec(),
        })
    }

    /// Own devices always; in a 1:1 conversation the two accounts and nobody else; in a group who
    /// may add, and never an account whose role is above the committer's.
    fn check_right_to_add(&self, leaf: &Leaf) -> Result<(), Refusal> {
        if leaf.account == self.committer.account {
            return Ok(());
        }
        if let Some(direct) = self.extensions.direct {
            return if direct.contains(&leaf.account) {
                Ok(())
            } else {
                Err(Refusal::Outsider)
            };
        }
        let policy = &self.extensions.policy;
        let own_role = policy.role(&self.committer.account);
        if policy.may_add(&self.committer.account) && policy.role(&leaf.account) <= own_role {
            Ok(())
        } else {
            Err(Refusal::Role)
        }
    }
}
