//! Envelopes that the server cannot tell from real ones, without an encryption each.
//!
//! A ciphertext of the conversation is taken as it is, but for its authenticated data: there the
//! gateway looks for the hash of the header. Only a member could see that it does not decrypt.

use sha2::{Digest as _, Sha256};
use xchat_crypto::envelope::canonical_header;
use xchat_proto::client::SubmitRequest;
use xchat_types::Header;

use crate::raw::submission;

/// A ciphertext around the place of its authenticated data.
#[derive(Clone, Debug)]
pub(super) struct Mould {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Mould {
    /// From a real envelope.
    pub(super) fn of(request: &SubmitRequest) -> Self {
        let header = request.header.as_ref().expect("a header");
        let binding = binding(&Header::try_from(header).expect("a header"));
        let payload = &request.payload;
        let at = payload
            .windows(binding.len())
            .position(|window| window == binding);
        let at = at.expect("the header's hash in the authenticated data");
        Self {
            before: payload[..at].to_vec(),
            after: payload[at + binding.len()..].to_vec(),
        }
    }

    pub(super) fn cast(&self, header: &Header) -> SubmitRequest {
        let payload = [&self.before[..], &binding(header), &self.after].concat();
        submission(header, payload)
    }
}

/// Authenticated data of a message: SHA-256("xchat-aad-v1" ‖ canonical header).
fn binding(header: &Header) -> Vec<u8> {
    Sha256::new()
        .chain_update(b"xchat-aad-v1")
        .chain_update(canonical_header(header))
        .finalize()
        .to_vec()
}
