//! What goes wrong, how often, and from which seed.

use std::io;

use xchat_ports::PortError;

/// Chances in thousandths. A fault never breaks a port's contract: it does what the contract
/// allows and a healthy engine seldom does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub seed: u64,
    /// `Unavailable`, and nothing was done.
    pub refused: u16,
    /// `Unavailable`, and it was done, or (message store) done on some replicas.
    pub unknown: u16,
    /// An append skips 1…7 offsets first.
    pub gaps: u16,
    /// A commit hint is acknowledged and lost.
    pub lost_hints: u16,
    /// A member that asks for changes causes some: every partition is to be another's.
    pub rebalances: u16,
    /// Reads return one row or record at a time, however many are asked for.
    pub pages_of_one: bool,
    /// Acknowledged writes reach two replicas of three, and reads ask two.
    pub narrow_quorum: bool,
}

impl Faults {
    pub const fn none() -> Self {
        Self {
            seed: 0,
            refused: 0,
            unknown: 0,
            gaps: 0,
            lost_hints: 0,
            rebalances: 0,
            pages_of_one: false,
            narrow_quorum: false,
        }
    }

    /// Everything at once.
    pub const fn nasty(seed: u64) -> Self {
        Self {
            seed,
            refused: 30,
            unknown: 50,
            gaps: 250,
            lost_hints: 300,
            rebalances: 100,
            pages_of_one: true,
            narrow_quorum: true,
        }
    }
}

/// How one call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    Refused,
    Unknown,
}

/// Seeded decisions in the order of calls.
#[derive(Debug)]
pub(crate) struct Dice {
    pub(crate) faults: Faults,
    state: u64,
}

impl Dice {
    pub(crate) const fn new(faults: Faults) -> Self {
        Self {
            faults,
            state: faults.seed,
        }
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number below `bound`, which is small: the bias does not matter here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    pub(crate) fn chance(&mut self, thousandths: u16) -> bool {
        thousandths > 0 && self.below(1_000) < u64::from(thousandths)
    }

    pub(crate) fn fate(&mut self) -> Fate {
        if self.chance(self.faults.refused) {
            Fate::Refused
        } else if self.chance(self.faults.unknown) {
            Fate::Unknown
        } else {
            Fate::Done
        }
    }
}

pub(crate) fn injected() -> PortError {
    PortError::unavailable(io::Error::new(io::ErrorKind::TimedOut, "injected fault"))
}

pub(crate) const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of `SplitMix64`.
pub(crate) const fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
