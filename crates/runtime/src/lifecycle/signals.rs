//! Signals of the process that ask it to stop.

use std::{io, task::Poll};

use futures_util::{Stream, stream::poll_fn};
use tokio::signal::unix::{SignalKind, signal};

/// One item for each SIGINT or SIGTERM from now on.
///
/// # Errors
/// When the handlers can't be installed.
pub fn signals() -> io::Result<impl Stream<Item = ()> + Unpin> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(poll_fn(move |context| {
        if let Poll::Ready(received) = interrupt.poll_recv(context) {
            return Poll::Ready(received);
        }
        terminate.poll_recv(context)
    }))
}
