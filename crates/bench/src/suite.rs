//! The benchmarks, by their numbers in the suite.

pub(crate) mod direct;
pub(crate) mod group;
pub(crate) mod idle;
mod people;
pub(crate) mod telemetry;

use std::path::PathBuf;

/// How large and how long.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// The server's program.
    pub(crate) server: PathBuf,
    /// Where data directories are made: the disk that is synced to. The system's temporary one
    /// when not given.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) rounds: usize,
    /// B1: sockets, and how long they are watched.
    pub(crate) sockets: usize,
    pub(crate) settle_seconds: u64,
    /// B5: pairs, and messages of each in a closed round.
    pub(crate) pairs: usize,
    pub(crate) messages: usize,
    /// B5: length of each open run.
    pub(crate) open_seconds: f64,
    /// B6: deliveries of a round.
    pub(crate) deliveries: usize,
    pub(crate) seed: u64,
}

/// Plaintext of a message: a short text after padding.
pub(crate) const PLAINTEXT: usize = 128;
