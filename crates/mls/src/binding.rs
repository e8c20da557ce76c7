//! The header inside the MLS message.
//!
//! The digest binds header and MLS bytes, but anybody can compute it: a server could give an
//! envelope another counter or another creation time. So a hash of the header is the MLS
//! authenticated data of every commit and application message, under its sender's signature.

use sha2::{Digest as _, Sha256};
use xchat_crypto::envelope;
use xchat_types::Header;

/// SHA-256("xchat-aad-v1" ‖ canonical header).
pub(crate) fn header_binding(header: &Header) -> Vec<u8> {
    Sha256::new()
        .chain_update(b"xchat-aad-v1")
        .chain_update(envelope::canonical_header(header))
        .finalize()
        .to_vec()
}
