//! Opening, owning, letting go.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::{path::Path, sync::Arc, time::Duration};

use tokio::time::timeout;
use xchat_adapter_memory::{ManualClock, SeededRng};
use xchat_backends::{Backends, Config, Trouble};
use xchat_ports::message_store::Mark;
use xchat_types::{ConversationId, DeviceId, Sequence};

fn backends(data_dir: &Path) -> Backends {
    let clock = Arc::new(ManualClock::default());
    Backends::new(
        &Config::default(),
        data_dir,
        clock,
        Arc::new(SeededRng::new(1)),
    )
}

#[tokio::test]
async fn what_was_closed_can_be_opened_again_and_is_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let device = DeviceId::new([1; 16]);
    let mark = Mark {
        device,
        conversation: ConversationId::new([2; 32]),
        sequence: Sequence(3),
    };
    let mut first = backends(dir.path());
    let envelopes = first.envelopes().await.unwrap();
    let log_id = envelopes.log.log_id();
    envelopes.store.write_marks(&[mark]).await.unwrap();
    drop(envelopes);
    first.close().await;

    let mut second = backends(dir.path());
    let envelopes = second.envelopes().await.unwrap();
    assert_eq!(envelopes.log.log_id(), log_id);
    let marks = envelopes.store.read_marks(device, None, 10).await.unwrap();
    assert_eq!(marks, [mark]);
}

#[tokio::test]
async fn closing_waits_for_the_last_user() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = backends(dir.path());
    let envelopes = first.envelopes().await.unwrap();
    let directory = first.directory().await.unwrap();
    let closing = first.close();
    tokio::pin!(closing);
    let while_held = timeout(Duration::from_millis(50), &mut closing).await;
    assert!(while_held.is_err());
    assert!(backends(dir.path()).directory().await.is_err());
    drop((envelopes, directory));
    closing.await;
    assert!(backends(dir.path()).directory().await.is_ok());
    assert!(backends(dir.path()).envelopes().await.is_ok());
}

#[tokio::test]
async fn a_folder_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = backends(dir.path());
    let _envelopes = first.envelopes().await.unwrap();
    let _directory = first.directory().await.unwrap();
    let mut second = backends(dir.path());
    for error in [
        second.envelopes().await.map(drop).unwrap_err(),
        second.directory().await.map(drop).unwrap_err(),
    ] {
        assert_eq!(
            (error.code(), error.trouble()),
            ("data_locked", Trouble::InUse)
        );
    }
}

#[tokio::test]
async fn another_number_of_partitions_than_at_the_first_start_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = backends(dir.path());
    drop(first.envelopes().await.unwrap());
    first.close().await;
    let mut config = Config::default();
    config.event_log.partitions = 16;
    let clock = Arc::new(ManualClock::default());
    let mut second = Backends::new(&config, dir.path(), clock, Arc::new(SeededRng::new(1)));
    let error = second.envelopes().await.map(drop).unwrap_err();
    assert_eq!(error.trouble(), Trouble::Content, "{error}");
    assert!(error.to_string().contains("256"), "{error}");
}
