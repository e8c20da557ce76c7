//! MLS for xchat (RFC 9420): the only crate that names OpenMLS.
//!
//! It owns suites, the credential, our `GroupContext` extensions, snapshots of public group state,
//! the judge that server and clients share, and the client's groups and key packages. Nothing of
//! OpenMLS appears in its public signatures, so that the library stays a possible swap. No I/O; a
//! clock is never asked: times come in as arguments.

mod binding;
pub mod bundle;
mod canonical;
pub mod control;
pub mod credential;
mod device;
pub mod extensions;
pub mod group;
mod inspect;
pub mod judge;
pub mod key_package;
mod key_packages;
mod lifetime;
mod rows;
pub mod snapshot;
mod store;
pub mod suite;
pub mod wire;

pub use bundle::{CommitBundle, Genesis, MalformedHandshake};
pub use canonical::NotCanonical;
pub use control::{ControlEffect, ControlRefusal, ControlState, control_hash};
pub use credential::{CredentialError, Leaf, LeafIndex};
pub use device::Device;
pub use extensions::{Direct, Extensions, Permissions, Policy, Role, Timer, TimerMode};
pub use group::{Change, Founding, Group, Invitation};
pub use inspect::{HeaderMismatch, check_header};
pub use judge::{
    Accepted, AcceptedGenesis, Added, Case, CommitEffect, JudgeError, Refusal, judge, judge_genesis,
};
pub use key_package::{KeyPackageError, VerifiedKeyPackage, verify_key_package};
pub use key_packages::{KeyPackageNotMade, KeyPackages, NewKeyPackage};
pub use rows::{RowChange, RowKey, RowValue, Rows};
pub use snapshot::{Snapshot, SnapshotError};
pub use suite::Suite;
pub use wire::{
    ApplicationBytes, CredentialBytes, EpochAuthenticator, KeyPackageBytes, RatchetTreeBytes,
    WelcomeBytes,
};
