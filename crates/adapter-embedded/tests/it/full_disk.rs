//! No space left, and space again.

use std::sync::Arc;

use xchat_adapter_embedded::faults::FaultyDisk;
use xchat_ports::{EventLog, PortError};
use xchat_types::{Offset, PartitionId};

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
