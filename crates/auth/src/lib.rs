//! The keys of an installation, and the access tokens that one of them signs.
//!
//! Owns the key file, the form of an access token (issuing, JWKS, strict verification) and the
//! list of revoked devices that every verifier follows. Must never take an algorithm, a key or a
//! lifetime from a token, and never answer "valid" while revocations are unknown.

pub mod installation;
pub mod issuer;
pub mod jwks;
pub mod key_file;
pub mod revocation;
pub mod token;
pub mod verifier;

pub use installation::InstallationKeys;
pub use issuer::{AccessToken, TokenIssuer};
pub use jwks::{KeySet, KeySetError};
pub use key_file::KeyFileError;
pub use revocation::{Minute, RevocationList, RevocationSource};
pub use token::{AccessClaims, TokenError};
pub use verifier::Verifier;
