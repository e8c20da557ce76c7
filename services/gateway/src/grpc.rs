//! The gRPC side of the gateway: fanout delivers here.

pub(crate) mod deliver;
