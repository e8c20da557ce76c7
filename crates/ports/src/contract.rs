//! Contract suites: what every adapter of a port must do, engines and fakes alike.
//!
//! A suite is a list of clauses, each an async function over a factory of the adapter. A macro a
//! suite (`event_log_contract!`, …) makes one test of each clause, run on every factory it is
//! given; a factory prints under `Debug` what is needed to run it again (a seed).
//!
//! Clauses ask for no more than ports promise: an answer may be `Unavailable`, and then the call
//! is made again; a page may be shorter than its limit; a record may be there twice.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_asserts_for_indexing,
    reason = "clauses of a test suite"
)]

pub mod directory_store;
pub mod engine;
pub mod event_log;
pub mod message_store;
pub mod proxy;
pub mod routing;
mod settle;

/// One test a clause, over all factories.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_clauses {
    ($suite:ident, $factories:expr, $($clause:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $clause() {
                for factory in $factories {
                    println!("{factory:?}");
                    $crate::contract::$suite::$clause(&factory).await;
                }
            }
        )*
    };
}
