//! One verb a file.

mod lookup_routes;
mod refresh_routes;
mod remove_route;
mod set_route;

pub(crate) use lookup_routes::lookup_routes;
pub(crate) use refresh_routes::refresh_routes;
pub(crate) use remove_route::remove_route;
pub(crate) use set_route::set_route;
