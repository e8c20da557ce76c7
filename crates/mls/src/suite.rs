//! Cipher suites, under our own numbers: the code point of the hybrid suite is provisional.

use openmls::prelude::Ciphersuite;
use xchat_types::limits;

/// What a conversation's groups are built with; fixed at creation, never downgraded silently.
/// The numbers are stored: append-only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Suite {
    /// `MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519` (RFC 9420, section 17.1).
    Classical = 1,
    /// X25519 with ML-KEM-768, AES-256-GCM, SHA-384, Ed25519 (draft-ietf-mls-pq-ciphersuites).
    Hybrid = 2,
}

impl Suite {
    pub const ALL: [Self; 2] = [Self::Classical, Self::Hybrid];

    pub const fn number(self) -> u8 {
        self as u8
    }

    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Classical,
            2 => Self::Hybrid,
            _ => return None,
        })
    }

    /// Leaves a group of this suite may have.
    pub const fn max_leaves(self) -> usize {
        match self {
            Self::Classical => limits::MAX_LEAVES,
            Self::Hybrid => limits::MAX_LEAVES_HYBRID,
        }
    }

    /// Adds that one commit may carry.
    pub const fn max_adds(self) -> usize {
        match self {
            Self::Classical => limits::MAX_ADDS,
            Self::Hybrid => limits::MAX_ADDS_HYBRID,
        }
    }

    const fn code_point(self) -> u16 {
        match self {
            Self::Classical => 0x0001,
            Self::Hybrid => 0x004E,
        }
    }

    /// `None` only if this build of OpenMLS lacks the suite.
    pub(crate) fn ciphersuite(self) -> Option<Ciphersuite> {
        Ciphersuite::try_from(self.code_point()).ok()
    }

    pub(crate) fn of(ciphersuite: Ciphersuite) -> Option<Self> {
        let code_point = u16::from(ciphersuite);
        Self::ALL
            .into_iter()
            .find(|suite| suite.code_point() == code_point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_suites_exist_in_this_build_and_keep_their_numbers() {
        for (suite, number) in [(Suite::Classical, 1), (Suite::Hybrid, 2)] {
            assert_eq!(suite.number(), number);
            assert_eq!(Suite::from_number(number), Some(suite));
            assert_eq!(suite.ciphersuite().and_then(Suite::of), Some(suite));
        }
        assert_eq!(Suite::from_number(0), None);
        assert_eq!(Suite::from_number(3), None);
    }
}
