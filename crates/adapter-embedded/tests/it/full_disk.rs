//! No space left, and space again.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tempfile::TempDir;

use xchat_adapter_embedded::{EmbeddedDirectoryStore, EmbeddedMessageStore, faults::FaultyDisk};
use xchat_adapter_memory::ManualClock;
use xchat_ports::{DirectoryStore, EventLog, MessageStore, PortError, message_store::OnceRow};
use xchat_types::{ConversationId, DeviceId, Millis, Offset, PartitionId, Sequence};

use crate::support::{self, KeptCheckpoints, append, contents, open, open_on};

#[tokio::test]
async fn a_full_disk_refuses_appends_loses_nothing_and_goes_on_when_there_is_space() {
    for seed in 0..10 {
        let folder = support::folder();
        let store = Arc::<KeptCheckpoints>::default();
        let disk = FaultyDisk::new(seed);
        let log = open_on(Arc::new(disk.clone()), folder.path(), &store).unwrap();
        let text = "x".repeat(700);
        let mut accepted = 0;
        disk.set_full(true);
        let error = loop {
            match log.append(vec![append(0, &text)]).await.remove(0) {
                Ok(appended) => {
                    assert_eq!(appended.offset, Offset(accepted));
                    accepted += 1;
                }
                Err(error) => break error,
            }
        };
        assert!(accepted > 3, "the segment at hand is filled first");
        assert!(matches!(error, PortError::Full(_)), "{error}");
        let small = log.append(vec![append(0, "small")]).await.remove(0);
        assert!(matches!(small, Err(PortError::Full(_))));
        assert_eq!(
            contents(&log).await.unwrap().len(),
            usize::try_from(accepted).unwrap()
        );

        disk.set_full(false);
        for _ in 0..20 {
            let appended = log.append(vec![append(0, &text)]).await.remove(0).unwrap();
            assert_eq!(appended.offset, Offset(accepted));
            accepted += 1;
        }
        disk.cut_power().unwrap();
        drop(log);
        let log = open(folder.path(), &store).unwrap();
        assert_eq!(
            contents(&log).await.unwrap().len(),
            usize::try_from(accepted).unwrap()
        );
    }
}

#[tokio::test]
async fn a_write_that_stops_half_way_leaves_no_record_behind() {
    for seed in 0..20 {
        let folder = support::folder();
        let store = Arc::<KeptCheckpoints>::default();
        let disk = FaultyDisk::new(seed);
        let log = open_on(Arc::new(disk.clone()), folder.path(), &store).unwrap();
        let mut kept = Vec::new();
        for number in 0..12_u64 {
            let failing = number % 3 == 1;
            disk.shorten_writes(u32::from(failing));
            let records = vec![append(0, "first"), append(0, &format!("second {number}"))];
            for answer in log.append(records).await {
                match answer {
                    Ok(appended) => kept.push(appended.offset),
                    Err(error) => assert!(failing && matches!(error, PortError::Full(_))),
                }
            }
        }
        let expected: Vec<_> = (0..16).map(Offset).collect();
        assert_eq!(kept, expected, "dense, whatever failed");
        if seed % 2 == 0 {
            disk.cut_power().unwrap();
        }
        drop(log);
        let log = open(folder.path(), &store).unwrap();
        let found = contents(&log).await.unwrap();
        assert_eq!(found.len(), 16);
        assert_eq!(log.span(PartitionId(0)).await.unwrap().end, Offset(16));
    }
}

#[tokio::test]
async fn a_full_disk_at_the_first_start_says_so() {
    let folder = support::folder();
    let disk = FaultyDisk::new(1);
    disk.set_full(true);
    let error = open_on(Arc::new(disk), folder.path(), &Arc::default()).unwrap_err();
    assert_eq!(error.code(), "data_no_space");
    assert!(error.to_string().contains("no space is left"), "{error}");
}

/// Takes what is left of the file system.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    let mut block = vec![1; 1 << 20];
    while !block.is_empty() {
        if file.write_all(&block).is_err() {
            block.truncate(block.len() / 2);
        }
    }
    path
}

/// fjall can't be given a file layer, so this one wants a real file system that it may fill:
/// `TMPDIR=<a tmpfs of 64 MiB> cargo test -p xchat-adapter-embedded full_file_system -- --ignored`
#[tokio::test]
#[ignore = "fills the file system of TMPDIR"]
async fn a_full_file_system_stops_the_stores_and_they_go_on_when_there_is_space() {
    let folder = TempDir::new().unwrap();
    let clock = || Arc::new(ManualClock::default());
    let messages = folder.path().join("messages");
    let store = EmbeddedMessageStore::open(&messages, clock()).unwrap();
    let directory = EmbeddedDirectoryStore::open(&folder.path().join("dir"), clock()).unwrap();
    let device =
        |number: u32| DeviceId::new([number.to_be_bytes(); 4].concat().try_into().unwrap());
    let value = Bytes::from(vec![7; 20_000]);
    let envelope = |number: u64| OnceRow::Envelope {
        conversation: ConversationId::new([1; 32]),
        sequence: Sequence(number),
        value: value.clone(),
        expires_at: Millis(u64::MAX),
    };
    store.write_once(&[envelope(1)]).await.unwrap();
    assert!(
        directory
            .swap_session(device(0), None, value.clone())
            .await
            .unwrap()
    );

    let filler = fill(folder.path());
    let (mut envelopes, mut sessions) = (1, 1);
    let error = loop {
        match store.write_once(&[envelope(envelopes + 1)]).await {
            Ok(()) => envelopes += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PortError::Full(_)), "{error:?}");
    let error = loop {
        match directory
            .swap_session(device(sessions), None, value.clone())
            .await
        {
            Ok(swapped) => sessions += u32::from(swapped),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, PortError::Full(_)), "{error:?}");
    assert!(
        directory.read_session(device(0)).await.unwrap().is_some(),
        "reads go on"
    );
    let again = store.write_once(&[envelope(envelopes + 1)]).await;
    assert!(matches!(again, Err(PortError::Full(_))));

    fs::remove_file(filler).unwrap();
    store.write_once(&[envelope(envelopes + 1)]).await.unwrap();
    store.sync().await.unwrap();
    directory.append_revocation(1, device(1)).await.unwrap();
    drop(store);
    let store = EmbeddedMessageStore::open(&messages, clock()).unwrap();
    let (after, through) = (Sequence(0), Sequence(u64::MAX));
    let found = store
        .read_envelopes(ConversationId::new([1; 32]), after, through, 10_000)
        .await;
    assert_eq!(found.unwrap().len() as u64, envelopes + 1);
    for number in 0..sessions {
        assert!(
            directory
                .read_session(device(number))
                .await
                .unwrap()
                .is_some()
        );
    }
}
