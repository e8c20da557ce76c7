//! The keyed and slow hashes that the other modules share, with their sizes fixed.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// HKDF-SHA256 (RFC 5869) without salt, 32 bytes out.
#[expect(
    clippy::expect_used,
    reason = "32 bytes are within the 8,160 that HKDF-SHA256 can give"
)]
pub(crate) fn hkdf(secret: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(info, key.as_mut_slice())
        .expect("the output length is constant and allowed");
    key
}

/// HMAC-SHA256 (RFC 2104) over the parts one after the other.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(crate) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Argon2id (RFC 9106), version 0x13, one lane, 32 bytes out.
pub(crate) struct Memory {
    argon: Argon2<'static>,
    /// Kept between calls: allocating 16 MiB a try would be a fifth of a proof's time.
    blocks: Vec<Block>,
}

impl Memory {
    /// `None` if the parameters are outside of Argon2's bounds, or the memory is not there.
    pub(crate) fn new(kib: u32, passes: u32) -> Option<Self> {
        let params = Params::new(kib, passes, 1, Some(32)).ok()?;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(params.block_count()).ok()?;
        blocks.resize(params.block_count(), Block::new());
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Some(Self { argon, blocks })
    }

    /// `None` if salt (8 bytes to 4 GiB) or password (up to 4 GiB) are outside of Argon2's bounds.
    pub(crate) fn hash(&mut self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let mut out = Zeroizing::new([0; 32]);
        self.argon
            .hash_password_into_with_memory(
                password,
                salt,
                out.as_mut_slice(),
                self.blocks.as_mut_slice(),
            )
            .ok()?;
        Some(out)
    }
    /// After a passphrase: the blocks alone would let a guess be tested.
    pub(crate) fn wipe(mut self) {
        self.blocks.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argon2id_gives_the_reference_implementations_vector() {
        // phc-winner-argon2, src/test.c: Argon2id, version 0x13, t = 2, m = 2^16 KiB, p = 1.
        let mut memory = Memory::new(1 << 16, 2).unwrap();
        let hash = memory.hash(b"password", b"somesalt").unwrap();
        assert_eq!(
            hex::encode(hash.as_slice()),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
        let again = memory.hash(b"password", b"somesalt").unwrap();
        assert_eq!(hash, again, "memory that was used before changes nothing");
    }

    #[test]
    fn hkdf_gives_the_standards_vector_without_salt() {
        // RFC 5869, appendix A.3; its first 32 bytes.
        assert_eq!(
            hex::encode(hkdf(&[0x0b; 22], b"").as_slice()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
        );
    }
}
