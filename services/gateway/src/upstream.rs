//! The gateway as a client of the services behind it.

pub(crate) mod fanout;
pub(crate) mod leases;
