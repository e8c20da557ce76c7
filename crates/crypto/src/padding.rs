//! Padding of plaintexts to size classes, so that a ciphertext's length says little.
//!
//! Classes are those of Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
//! Communication with PURBs", 2019, section 4) with a smallest class of 128 bytes: O(log log n) bits of
//! the length leak, for at most 12 % of it.

use thiserror::Error;

/// Smallest class in bytes.
pub const MIN_CLASS: usize = 128;

const MARKER: u8 = 0x80;

/// The plaintext was not padded by [`pad`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the plaintext is not padded")]
pub struct NotPadded;

/// The class of a length: the length with the lower bits of its mantissa rounded up.
pub fn size_class(length: usize) -> usize {
    if length <= MIN_CLASS {
        return MIN_CLASS;
    }
    let exponent = length.ilog2();
    let mantissa_bits = exponent.ilog2().saturating_add(1);
    let mask = (1_usize << exponent.saturating_sub(mantissa_bits)).saturating_sub(1);
    length.saturating_add(mask) & !mask
}

/// Content ‖ 0x80 ‖ zeros up to the class of the content and its marker (ISO/IEC 7816-4).
pub fn pad(mut content: Vec<u8>) -> Vec<u8> {
    content.push(MARKER);
    content.resize(size_class(content.len()), 0);
    content
}

/// Takes the padding off. Call it only on what was authenticated. Other classes than ours are
/// taken, so that they may change.
pub fn unpad(mut padded: Vec<u8>) -> Result<Vec<u8>, NotPadded> {
    let marker = padded.iter().rposition(|byte| *byte != 0);
    match marker.and_then(|at| padded.get(at).map(|byte| (at, *byte))) {
        Some((at, MARKER)) => {
            padded.truncate(at);
            Ok(padded)
        }
        Some(_) | None => Err(NotPadded),
    }
}
