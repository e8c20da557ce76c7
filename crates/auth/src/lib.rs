//! Access tokens: issuing, JWKS, strict verification, revocations.
