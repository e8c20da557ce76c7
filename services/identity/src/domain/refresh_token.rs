//! Refresh tokens that the directory need not keep: session and generation with a MAC.
//!
//! 56 bytes: session id 16 ‖ generation u64 ‖ keyed hash 32 over the device id and both. The MAC
//! proves that identity made it; the stored generation tells whether it is spent. A token alone
//! opens nothing: the device signs its use.

use subtle::ConstantTimeEq;
use xchat_crypto::derive;
use xchat_types::DeviceId;

use super::session::SessionId;

const CLEAR_LEN: usize = SessionId::LEN + 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session: SessionId,
    /// From 0; grows by one with every refresh.
    pub(crate) generation: u64,
}

impl RefreshToken {
    pub(crate) fn seal(self, key: &[u8; 32], device: &DeviceId) -> Vec<u8> {
        let clear = [
            self.session.as_bytes().as_slice(),
            &self.generation.to_be_bytes(),
        ]
        .concat();
        let tag = tag(key, device, &clear);
        [clear.as_slice(), &tag].concat()
    }

    /// `None` if identity did not make it for this device.
    pub(crate) fn open(key: &[u8; 32], device: &DeviceId, bytes: &[u8]) -> Option<Self> {
        let (clear, given) = bytes.split_at_checked(CLEAR_LEN)?;
        let genuine: bool = tag(key, device, clear).as_slice().ct_eq(given).into();
        if !genuine {
            return None;
        }
        let (session, generation) = clear.split_first_chunk::<{ SessionId::LEN }>()?;
        Some(Self {
            session: SessionId::new(*session),
            generation: u64::from_be_bytes(generation.try_into().ok()?),
        })
    }
}

fn tag(key: &[u8; 32], device: &DeviceId, clear: &[u8]) -> [u8; 32] {
    let bound = [device.as_bytes().as_slice(), clear].concat();
    derive::keyed_hash(key, "xchat-refresh-token-v1", &bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [1; 32];
    const DEVICE: DeviceId = DeviceId::new([2; 16]);

    #[test]
    fn a_token_opens_for_its_device_only_and_not_with_a_bit_changed() {
        let token = RefreshToken {
            session: SessionId::new([3; 16]),
            generation: 4,
        };
        let sealed = token.seal(&KEY, &DEVICE);
        assert_eq!(RefreshToken::open(&KEY, &DEVICE, &sealed), Some(token));
        assert_eq!(RefreshToken::open(&[9; 32], &DEVICE, &sealed), None);
        let other = DeviceId::new([9; 16]);
        assert_eq!(RefreshToken::open(&KEY, &other, &sealed), None);
        for index in 0..sealed.len() {
            let mut bytes = sealed.clone();
            bytes[index] ^= 1;
            assert_eq!(
                RefreshToken::open(&KEY, &DEVICE, &bytes),
                None,
                "byte {index}"
            );
            assert_eq!(RefreshToken::open(&KEY, &DEVICE, &sealed[..index]), None);
        }
    }
}
