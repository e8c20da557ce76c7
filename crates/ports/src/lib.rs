//! Object-safe ports, clock and randomness, and the contract suites.
