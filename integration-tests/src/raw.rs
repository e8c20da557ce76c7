//! A device at the wire itself: what the SDK would never send, and what it would never leave
//! unanswered.

pub(crate) mod device;
mod link;
mod room;

pub use device::Device;
pub use link::Link;
pub use room::{Room, accept, submission};

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    use std::io::Read as _;
    let mut bytes = [0; N];
    let mut source = std::fs::File::open("/dev/urandom").expect("the system's randomness");
    source.read_exact(&mut bytes).expect("random bytes");
    bytes
}
