//! Derivations, signatures, certificates, sealing, padding and proofs of work.
//!
//! Sans-I/O and WASM-safe: no clock, no randomness of its own (callers pass nonces, salts and
//! seeds in), no operating system. It composes primitives of audited crates and never implements
//! one. Every byte layout it fixes is written down in `docs/protocol/derivations.md` and held by
//! the vectors in `testdata/crypto/`.
//!
//! Three rules hold throughout. Nothing is signed without a [`sign::Label`]. Nothing signed is
//! encoded again before it is verified: what was parsed keeps the bytes it came from. Secrets
//! are wiped when dropped and print redacted.

mod canonical;
pub mod certificate;
pub mod control;
pub mod derive;
pub mod envelope;
mod kdf;
pub mod login;
pub mod padding;
pub mod phrase;
pub mod proof;
pub mod safety;
pub mod seal;
pub mod sign;

pub use canonical::Malformed;
pub use certificate::{Certificate, CertificateError, VerifiedDevice};
pub use control::{ControlError, ControlRecord, SignedControl};
pub use phrase::{Phrase, PhraseError};
pub use seal::{SealError, StoreKey};
pub use sign::{BadSignature, Label, PublicKey, SecretKey, Signature};
