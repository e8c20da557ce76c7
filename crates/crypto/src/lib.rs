//! Derivations, signatures, sealing, padding, proofs of work: sans-I/O, WASM-safe.
