//! The worker: reads the log, folds, carries effects out, and remembers how far that has come.
//!
//! - [`folder`]: a run of records of one conversation: load, fold or replay, write.
//! - [`announce`]: pushes to the routes it sees, marks, then pushes to the routes it missed.
//! - [`ownership`]: which partitions are this worker's.
//! - [`partitions`]: positions, back-off and the reasons to stop.
//! - [`step`]: one read of the log and everything that follows from it.
//! - [`commit`]: tells the log how far the store has it, never before the store has synced.
//! - [`run`]: the loop around them.
//!
//! Only the pure fold parks a record. An engine that fails makes its partition wait and try again
//! for ever; nothing is skipped. A record stamped more than five minutes ahead of this machine's
//! clock does the same, until the clock has come near: this is decided here, the fold has no clock.

pub mod announce;
mod cache;
pub mod commit;
pub mod folder;
pub mod ownership;
pub mod partitions;
pub mod run;
pub mod step;

pub use announce::{Announcement, Announcer};
pub use commit::Committer;
pub use folder::Folder;
pub use ownership::Ownership;
pub use step::Step;
