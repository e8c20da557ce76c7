//! Load generator and benchmarks: what a server costs, beside what the same work costs with nothing
//! around it.
//!
//! The server under load and each floor are processes of their own, so that their CPU time and
//! memory are told apart from the generator's. Rounds of floor and server take turns; a run with a
//! loss, a duplicate or a reorder is an error, not a figure.

mod bare;
pub mod cli;
mod collector;
mod engines;
mod floor;
mod frames;
mod house;
mod link;
mod load;
mod peer;
mod person;
mod process;
mod report;
mod room;
mod statistics;
mod suite;
