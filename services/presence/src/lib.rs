//! Leases: which device is on which gateway.
