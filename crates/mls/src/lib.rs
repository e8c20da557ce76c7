//! The only crate that names OpenMLS: suites, credential, extensions, snapshots, the judge, groups.
