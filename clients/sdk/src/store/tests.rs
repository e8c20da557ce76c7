use proptest::prelude::*;
use xchat_core::{BatchId, RowChange};
use xchat_types::{AccountId, Counter, DeviceId, Millis};

use super::{disk::Disk, *};

const CONVERSATION: ConversationId = ConversationId::new([7; 32]);
const CANARY: &str = "canary: meet me at the old harbour";

fn key() -> StoreKey {
    StoreKey::new([42; 32])
}

fn row(scope: Scope, table: Table, name: &[u8], order: u64) -> RowKey {
    RowKey {
        scope,
        table,
        name: name.to_vec(),
        order,
    }
}

fn batch(changes: Vec<(RowKey, Option<&[u8]>)>) -> Batch {
    let changes = changes.into_iter().map(|(key, value)| RowChange {
        key,
        value: value.map(|value| Zeroizing::new(value.to_vec())),
    });
    Batch {
        id: BatchId(1),
        changes: changes.collect(),
    }
}

/// A batch that touches several tables, as a received message does, and carries its number.
fn numbered(number: u64) -> Batch {
    let outbox = Scope::Conversation(CONVERSATION);
    let value = [number.to_be_bytes().as_slice(), &[0x5a; 900]].concat();
    batch(vec![
        (
            row(Scope::Device, Table::Conversation, b"one", 0),
            Some(&value),
        ),
        (row(Scope::Device, Table::Contact, b"two", 0), Some(&value)),
        (row(outbox, Table::Outbox, b"", number), Some(&value)),
        (
            row(outbox, Table::Outbox, b"", number.wrapping_sub(2)),
            None,
        ),
    ])
}

/// The number of the last batch that is there, checking that it is there as a whole.
fn last(store: &Store) -> u64 {
    let device = store.load(Scope::Device).unwrap();
    let number = |row: &Row| u64::from_be_bytes(*row.value.first_chunk().unwrap());
    let numbers: Vec<_> = device.iter().map(number).collect();
    let Some(last) = numbers.first().copied() else {
        assert!(
            store
                .load(Scope::Conversation(CONVERSATION))
                .unwrap()
                .is_empty()
        );
        return 0;
    };
    assert_eq!(numbers, [last, last], "a batch is there in part");
    let outbox = store.load(Scope::Conversation(CONVERSATION)).unwrap();
    let outbox: Vec<_> = outbox.iter().map(number).collect();
    assert_eq!(
        outbox,
        (last.saturating_sub(1).max(1)..=last).collect::<Vec<_>>()
    );
    last
}

#[test]
fn rows_come_back_by_scope_and_only_history_waits_to_be_asked_for() {
    let store = Store::with(Disk::default().open().unwrap(), key()).unwrap();
    let inside = Scope::Conversation(CONVERSATION);
    let elsewhere = Scope::Conversation(ConversationId::new([8; 32]));
    let name = row(Scope::Device, Table::Name, b"bob", 3);
    store
        .apply(&batch(vec![
            (name.clone(), Some(b"device")),
            (row(inside, Table::Group, b"epoch", 0), Some(b"group")),
            (row(inside, Table::History, b"", 1), Some(b"history")),
            (row(elsewhere, Table::Group, b"epoch", 0), Some(b"other")),
        ]))
        .unwrap();
    let device = store.load(Scope::Device).unwrap();
    assert_eq!(device.len(), 1);
    assert_eq!(
        (&device[0].key, device[0].value.as_slice()),
        (&name, b"device".as_slice())
    );
    let group = store.load(inside).unwrap();
    assert_eq!(group.len(), 1);
    assert_eq!(group[0].value.as_slice(), b"group");
    store.apply(&batch(vec![(name, None)])).unwrap();
    assert!(store.load(Scope::Device).unwrap().is_empty());
}

#[test]
fn history_is_paged_newest_first_below_a_sequence() {
    let store = Store::with(Disk::default().open().unwrap(), key()).unwrap();
    let said = |sequence: u64| HistoryRow {
        sequence: Sequence(sequence),
        sender: AccountId::new([1; 32]),
        device: DeviceId::new([2; 16]),
        counter: Counter(sequence),
        accepted_at: Millis(sequence),
        created_at: Millis(sequence),
        ticket: None,
        content: Vec::new(),
    };
    for sequence in [1, 2, 255, 256, 70_000] {
        let place = row(
            Scope::Conversation(CONVERSATION),
            Table::History,
            b"",
            sequence,
        );
        store
            .apply(&batch(vec![(place, Some(&said(sequence).to_bytes()))]))
            .unwrap();
    }
    let page = |before: Option<u64>, limit| -> Vec<u64> {
        let rows = store
            .history(CONVERSATION, before.map(Sequence), limit)
            .unwrap();
        rows.into_iter().map(|row| row.sequence.0).collect()
    };
    assert_eq!(page(None, 2), [70_000, 256]);
    assert_eq!(page(Some(256), 2), [255, 2]);
    assert_eq!(page(Some(2), 9), [1]);
    assert_eq!(page(Some(1), 9), [0; 0]);
}

#[test]
fn no_value_and_no_name_lies_in_plain_in_the_file() {
    let name = b"canary-name-of-a-person";
    let place = row(Scope::Conversation(CONVERSATION), Table::Group, name, 1);
    let stands = |disk: &Disk, what: &[u8]| disk.bytes().windows(what.len()).any(|w| w == what);

    let sealed = Disk::default();
    let store = Store::with(sealed.open().unwrap(), key()).unwrap();
    store
        .apply(&batch(vec![(place.clone(), Some(CANARY.as_bytes()))]))
        .unwrap();
    for what in [CANARY.as_bytes(), name, CONVERSATION.as_bytes()] {
        assert!(!stands(&sealed, what));
    }

    // The same rows as redb holds them without a seal: the scan finds all three.
    let plain = Disk::default();
    let database = plain.open().unwrap();
    let transaction = database.begin_write().unwrap();
    let key = [CONVERSATION.as_bytes(), name.as_slice()].concat();
    transaction
        .open_table(ROWS)
        .unwrap()
        .insert(key.as_slice(), CANARY.as_bytes())
        .unwrap();
    transaction.commit().unwrap();
    for what in [CANARY.as_bytes(), name, CONVERSATION.as_bytes()] {
        assert!(stands(&plain, what));
    }
}

#[test]
fn a_power_cut_between_any_two_operations_leaves_whole_batches_and_loses_none_that_was_stored() {
    const BATCHES: u64 = 6;
    let whole = Disk::default();
    let store = Store::with(whole.open().unwrap(), key()).unwrap();
    let before = whole.operations();
    (1..=BATCHES).for_each(|number| store.apply(&numbered(number)).unwrap());
    let operations = whole.operations() - before;
    assert!(
        operations > 30,
        "{operations} operations are too few to cut between"
    );

    let mut lost_unsynced = 0_u32;
    for cut in 0..operations {
        let disk = Disk::default();
        let store = Store::with(disk.open().unwrap(), key()).unwrap();
        disk.cut_after(cut);
        let stored = (1..=BATCHES)
            .take_while(|number| store.apply(&numbered(*number)).is_ok())
            .count() as u64;
        // Some of the unsynced writes reach the disk, another choice at each cut.
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(cut as u64 + 1);
        let survivor = disk.survivor(|| {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            lost_unsynced += u32::from(bits & 1 == 0);
            bits & 1 == 1
        });
        let found = last(&Store::with(survivor.open().unwrap(), key()).unwrap());
        assert!(
            found == stored || found == stored + 1,
            "cut {cut}: {stored} stored, {found} found"
        );
    }
    assert!(
        lost_unsynced > 10,
        "the cuts lost nothing, so they prove nothing"
    );
}

#[test]
fn a_full_disk_refuses_the_batch_keeps_the_others_and_goes_on_once_there_is_room() {
    let disk = Disk::default();
    let store = Store::with(disk.open().unwrap(), key()).unwrap();
    disk.limit(Some(disk.bytes().len() + 200_000));
    let mut stored = 0;
    let error = loop {
        match store.apply(&big(stored)) {
            Ok(()) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1_000, "the disk never became full");
    };
    assert!(stored > 0);
    assert_eq!(error.reason(), crate::Reason::DiskFull);
    assert_eq!(error.to_string(), "the disk is full: nothing was changed");
    assert_eq!(error.next(), "free some space, then do the same again");
    drop(store);
    disk.limit(None);
    let disk = Disk::holding(disk.bytes());
    let store = Store::with(disk.open().unwrap(), key()).unwrap();
    assert_eq!(store.stats().unwrap().rows, stored);
    store.apply(&big(stored)).unwrap();
    assert_eq!(store.stats().unwrap().rows, stored + 1);
}

fn big(number: u64) -> Batch {
    let place = row(Scope::Device, Table::Waiting, b"", number);
    batch(vec![(place, Some(&[number.to_le_bytes()[0]; 30_000]))])
}

#[test]
fn another_key_another_layout_and_moved_or_changed_rows_are_told_apart() {
    let disk = Disk::default();
    let store = Store::with(disk.open().unwrap(), key()).unwrap();
    for name in [b"one", b"two"] {
        store
            .apply(&batch(vec![(
                row(Scope::Device, Table::Name, name, 0),
                Some(name),
            )]))
            .unwrap();
    }
    drop(store);
    let reason = |disk: &Disk, key| {
        let store = Store::with(Disk::holding(disk.bytes()).open().unwrap(), key);
        let rows = store.and_then(|store| store.load(Scope::Device));
        rows.err().map(|error| error.reason().name())
    };
    assert_eq!(reason(&disk, key()), None);
    assert_eq!(reason(&disk, StoreKey::new([43; 32])), Some("key_wrong"));

    let swapped = changed(&disk, |rows| {
        let all: Vec<(Vec<u8>, Vec<u8>)> = rows
            .iter()
            .unwrap()
            .map(|row| {
                row.map(|(k, v)| (k.value().to_vec(), v.value().to_vec()))
                    .unwrap()
            })
            .collect();
        rows.insert(all[0].0.as_slice(), all[1].1.as_slice())
            .unwrap();
    });
    assert_eq!(reason(&swapped, key()), Some("profile_damaged"));
    let flipped = changed(&disk, |rows| {
        let (place, mut value) = {
            let (place, value) = rows.first().unwrap().unwrap();
            (place.value().to_vec(), value.value().to_vec())
        };
        value[30] ^= 1;
        rows.insert(place.as_slice(), value.as_slice()).unwrap();
    });
    assert_eq!(reason(&flipped, key()), Some("profile_damaged"));

    let newer = Disk::holding(disk.bytes());
    let database = newer.open().unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(META)
        .unwrap()
        .insert("version", [VERSION + 1].as_slice())
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert_eq!(reason(&newer, key()), Some("profile_version"));
}

/// A copy of the disk, its rows changed by one who has no key.
fn changed(disk: &Disk, change: impl FnOnce(&mut redb::Table<'_, &[u8], &[u8]>)) -> Disk {
    let disk = Disk::holding(disk.bytes());
    let database = disk.open().unwrap();
    let transaction = database.begin_write().unwrap();
    change(&mut transaction.open_table(ROWS).unwrap());
    transaction.commit().unwrap();
    drop(database);
    disk
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever stands in the file, opening it and reading all of it ends without a panic.
    #[test]
    fn a_store_of_any_bytes_is_an_error_or_a_store(
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let disk = Disk::default();
        let store = Store::with(disk.open().unwrap(), key()).unwrap();
        store.apply(&numbered(1)).unwrap();
        drop(store);
        let mut bytes = disk.bytes();
        for (place, flip) in flips {
            let index = place.index(bytes.len().min(12_288));
            bytes[index] ^= flip;
        }
        let opened = Disk::holding(bytes).open().and_then(|database| Store::with(database, key()));
        if let Ok(store) = opened {
            let _ = store.load(Scope::Device);
            let _ = store.history(CONVERSATION, None, 10);
        }
    }
}
