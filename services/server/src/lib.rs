//! The one binary: any role, several, or all.
