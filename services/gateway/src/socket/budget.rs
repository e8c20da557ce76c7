//! A byte stream that gives out before login only so many bytes: what a stranger can make the
//! server hold is bounded below the WebSocket parser, whatever lengths its frames claim.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Lifts the budget of one stream after login.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unlock(Arc<AtomicBool>);

impl Unlock {
    pub(crate) fn unlock(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Reads at most `left` bytes until unlocked, then fails.
#[derive(Debug)]
pub(crate) struct Budget<S> {
    inner: S,
    left: usize,
    unlock: Unlock,
}

impl<S> Budget<S> {
    pub(crate) fn new(inner: S, bytes: usize) -> (Self, Unlock) {
        let unlock = Unlock::default();
        (
            Self {
                inner,
                left: bytes,
                unlock: unlock.clone(),
            },
            unlock,
        )
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Budget<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unlock.0.load(Ordering::Relaxed) {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        if self.left == 0 {
            return Poll::Ready(Err(io::Error::other("too many bytes before login")));
        }
        let allowed = self.left.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowed));
        let poll = Pin::new(&mut self.inner).poll_read(cx, &mut part);
        let read = part.filled().len();
        buf.advance(read);
        self.left = self.left.saturating_sub(read);
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Budget<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_stranger_gets_its_budget_and_no_byte_more() {
        let (mut far, near) = tokio::io::duplex(1_024);
        far.write_all(&[7; 300]).await.unwrap();
        let (mut stream, _unlock) = Budget::new(near, 200);
        let mut got = vec![0; 200];
        stream.read_exact(&mut got).await.unwrap();
        assert!(got.iter().all(|byte| *byte == 7));
        assert!(stream.read_u8().await.is_err());
    }

    #[tokio::test]
    async fn login_lifts_the_budget() {
        let (mut far, near) = tokio::io::duplex(1_024);
        far.write_all(&[7; 300]).await.unwrap();
        let (mut stream, unlock) = Budget::new(near, 200);
        unlock.unlock();
        let mut got = vec![0; 300];
        stream.read_exact(&mut got).await.unwrap();
    }
}
