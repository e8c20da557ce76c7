//! The benchmarks, by their numbers in the suite.

pub(crate) mod direct;
pub(crate) mod drain;
pub(crate) mod engines;
pub(crate) mod group;
pub(crate) mod idle;
pub(crate) mod login;
pub(crate) mod peers;
mod people;
pub(crate) mod storm;
pub(crate) mod telemetry;
mod turn;

use std::path::PathBuf;

use anyhow::Result;

use crate::{engines::Addresses, load::Seats, room::Member};

/// How large and how long.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// The server's program.
    pub(crate) server: PathBuf,
    /// Where data directories are made: the disk that is synced to. The system's temporary one
    /// when not given.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) rounds: usize,
    /// B5S: the engines that the server and its floors are on.
    pub(crate) engines: Addresses,
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
    /// B3: people who log in, and who sign up, in a round.
    pub(crate) logins: usize,
    pub(crate) registrations: usize,
    /// B4: clients that are cut off, about.
    pub(crate) storm: usize,
    /// B7: envelopes stored for each user; ten times as many as well.
    pub(crate) stored: usize,
    pub(crate) seed: u64,
}

/// Cuts off all but the sender of each room, and leaves the senders in `rooms`.
async fn cut(rooms: &mut [Seats<Member>]) -> Result<Vec<Seats<Member>>> {
    let mut away = Vec::new();
    for room in rooms {
        let mut others = room.split_off(1);
        for member in &mut others {
            member.cut().await?;
        }
        away.push(others);
    }
    Ok(away)
}

/// Plaintext of a message: a short text after padding.
pub(crate) const PLAINTEXT: usize = 128;
