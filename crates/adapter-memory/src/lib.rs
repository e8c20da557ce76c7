//! Deterministic in-memory adapters, nastier than the engines.
