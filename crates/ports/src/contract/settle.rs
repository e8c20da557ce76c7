//! Calls that are made again while their answer is "unknown".

use std::future::Future;

use crate::PortResult;

/// More than any adapter's faults can plausibly use up.
const TRIES: usize = 200;

/// Repeats an idempotent call until it has an answer. Panics on an answer that no repetition
/// mends.
pub(super) async fn settled<T, F>(mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = PortResult<T>>,
{
    for _ in 0..TRIES {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
        tokio::task::yield_now().await;
    }
    unreachable!("unavailable {TRIES} times in a row")
}
