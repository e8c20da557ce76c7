//! The list of revoked devices: what it reads, when it trusts nobody.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;
use xchat_adapter_memory::ManualClock;
use xchat_auth::{
    Minute, RevocationList, RevocationSource, TokenError,
    revocation::{READ_EVERY, SourceError},
};
use xchat_ports::{Clock, DirectoryStore};
use xchat_types::{DeviceId, Millis};

use crate::installation::{DEVICE, Installation};

#[tokio::test]
async fn a_revoked_devices_token_is_dead_at_the_next_read() {
    let at = Installation::new().await;
    let token = at.token();
    let mut changes = at.verifier.revocations().changes();
    at.store
        .append_revocation(Minute::of(at.clock.now()).0, DEVICE)
        .await
        .unwrap();
    assert!(at.verifier.verify(&token).is_ok(), "not read yet");
    at.verifier.revocations().refresh().await.unwrap();
    assert_eq!(at.verifier.verify(&token), Err(TokenError::Revoked));
    assert_eq!(at.verifier.check_device(&DEVICE), Err(TokenError::Revoked));
    assert!(changes.has_changed().unwrap(), "open sockets are looked at");
    changes.mark_unchanged();
    at.verifier.revocations().refresh().await.unwrap();
    assert!(!changes.has_changed().unwrap(), "only once");
}

#[tokio::test]
async fn a_list_not_read_for_25_seconds_trusts_nobody() {
    let at = Installation::new().await;
    let token = at.token();
    at.clock.advance(25_000);
    assert!(at.verifier.verify(&token).is_ok());
    at.clock.advance(1);
    assert_eq!(
        at.verifier.verify(&token),
        Err(TokenError::RevocationsUnknown)
    );
    at.verifier.revocations().refresh().await.unwrap();
    assert!(at.verifier.verify(&token).is_ok());
    // A clock that is set back makes nothing fresh.
    at.clock.set(at.clock.now().saturating_sub(25_001));
    assert_eq!(
        at.verifier.check_device(&DEVICE),
        Err(TokenError::RevocationsUnknown)
    );
}

/// Notes what is asked; answers with nothing, or fails.
#[derive(Debug, Default)]
struct Recorder {
    asked: Mutex<Vec<(u64, u64)>>,
    revoked: Mutex<Vec<DeviceId>>,
    fails: Mutex<bool>,
}

#[async_trait]
impl RevocationSource for Recorder {
    async fn read(&self, from: Minute, to: Minute) -> Result<Vec<DeviceId>, SourceError> {
        self.asked.lock().unwrap().push((from.0, to.0));
        if *self.fails.lock().unwrap() {
            return Err(SourceError::Malformed);
        }
        Ok(self.revoked.lock().unwrap().clone())
    }
}

fn list(clock: &Arc<ManualClock>) -> (Arc<Recorder>, Arc<RevocationList>) {
    let recorder = Arc::new(Recorder::default());
    let source: Arc<dyn RevocationSource> = Arc::<Recorder>::clone(&recorder);
    let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(clock);
    (recorder, Arc::new(RevocationList::new(source, clock)))
}

#[tokio::test]
async fn it_reads_six_minutes_at_start_then_two_and_after_a_gap_what_was_missed() {
    let clock = Arc::new(ManualClock::new(Millis(100 * 60_000)));
    let (recorder, list) = list(&clock);
    assert_eq!(list.check(&DEVICE), Err(TokenError::RevocationsUnknown));
    list.refresh().await.unwrap();
    clock.advance(2_000);
    list.refresh().await.unwrap();
    clock.advance(3 * 60_000);
    *recorder.fails.lock().unwrap() = true;
    assert!(list.refresh().await.is_err());
    *recorder.fails.lock().unwrap() = false;
    list.refresh().await.unwrap();
    clock.advance(60 * 60_000);
    list.refresh().await.unwrap();
    assert_eq!(
        *recorder.asked.lock().unwrap(),
        [(94, 100), (99, 100), (99, 103), (99, 103), (157, 163)]
    );
}

#[tokio::test]
async fn a_device_is_remembered_for_as_long_as_its_tokens_live() {
    let clock = Arc::new(ManualClock::new(Millis(100 * 60_000)));
    let (recorder, list) = list(&clock);
    recorder.revoked.lock().unwrap().push(DEVICE);
    list.refresh().await.unwrap();
    recorder.revoked.lock().unwrap().clear();
    for _ in 0..6 {
        clock.advance(60_000);
        list.refresh().await.unwrap();
        assert_eq!(list.check(&DEVICE), Err(TokenError::Revoked));
    }
    clock.advance(60_000);
    list.refresh().await.unwrap();
    assert_eq!(list.check(&DEVICE), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn following_reads_every_two_seconds_and_sooner_after_a_failure() {
    let clock = Arc::new(ManualClock::new(Millis(100 * 60_000)));
    let (recorder, list) = list(&clock);
    let reads = |seconds: u32| {
        let (recorder, list) = (&recorder, &list);
        async move {
            recorder.asked.lock().unwrap().clear();
            let stop = CancellationToken::new();
            let enough = async {
                tokio::time::sleep(READ_EVERY * (8 * seconds - 1) / 16).await;
                stop.cancel();
            };
            tokio::join!(list.follow(stop.clone()), enough);
            recorder.asked.lock().unwrap().len()
        }
    };
    *recorder.fails.lock().unwrap() = true;
    assert_eq!(reads(6).await, 24, "four a second");
    assert_eq!(list.check(&DEVICE), Err(TokenError::RevocationsUnknown));
    *recorder.fails.lock().unwrap() = false;
    assert_eq!(reads(6).await, 3);
    assert_eq!(list.check(&DEVICE), Ok(()));
}
