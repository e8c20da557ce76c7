//! One sync for all writers that wait.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use xchat_ports::PortResult;

/// Counts writes, and knows up to which one they are synced.
#[derive(Debug, Default)]
pub(crate) struct GroupSync {
    written: AtomicU64,
    synced: Mutex<u64>,
}

impl GroupSync {
    /// Notes a write that the engine has taken.
    pub(crate) fn wrote(&self) {
        self.written.fetch_add(1, Ordering::AcqRel);
    }

    /// Returns when everything that was written before the call is synced. The first to wait
    /// syncs for all that have written by then; the others find it done.
    pub(crate) fn wait(&self, sync: impl FnOnce() -> PortResult<()>) -> PortResult<()> {
        let mine = self.written.load(Ordering::Acquire);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= mine {
            return Ok(());
        }
        let all = self.written.load(Ordering::Acquire);
        sync()?;
        *synced = all;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, thread};

    use super::*;

    #[test]
    fn nothing_written_needs_no_sync() {
        let sync = GroupSync::default();
        sync.wait(|| unreachable!("nothing to sync")).unwrap();
    }

    #[test]
    fn a_failed_sync_is_not_believed_by_those_that_wait() {
        let sync = GroupSync::default();
        sync.wrote();
        let failing = || Err(xchat_ports::PortError::unavailable("no"));
        assert!(sync.wait(failing).is_err());
        let mut again = false;
        sync.wait(|| {
            again = true;
            Ok(())
        })
        .unwrap();
        assert!(again);
    }

    #[test]
    fn writers_that_wait_together_share_a_sync() {
        let sync = GroupSync::default();
        let (count, hundred) = (AtomicUsize::new(0), 100);
        thread::scope(|scope| {
            for _ in 0..hundred {
                scope.spawn(|| {
                    sync.wrote();
                    sync.wait(|| {
                        count.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                        Ok(())
                    })
                });
            }
        });
        assert!(count.load(Ordering::SeqCst) <= hundred);
        assert_eq!(*sync.synced.lock().unwrap(), hundred as u64);
    }
}
