//! Pure rules of the edge: what a submission must be, how fast it may come, what a slow socket gets.

pub(crate) mod admission;
pub(crate) mod pace;
pub(crate) mod window;
