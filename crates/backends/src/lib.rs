//! Config to chosen adapters: the only crate that names them all.
