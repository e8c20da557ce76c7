//! Bytes of the log that change behind its back.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use xchat_adapter_embedded::{EmbeddedEventLog, OpenError};
use xchat_ports::{EventLog, event_log::Entry};
use xchat_types::{Offset, PartitionId};

use crate::support::{self, KeptCheckpoints, append, contents, open};

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|name| name == "segment"))
        .collect();
    files.sort();
    files
}

/// A log of a few segments. `clean`: it was stopped; else its process was killed.
async fn make(folder: &Path, records: u32, clean: bool) -> Vec<Entry> {
    let log = open(folder, &Arc::default()).unwrap();
    for number in 0..records {
        let text = format!("record {number} {}", "x".repeat(300));
        let answers = log.append(vec![append(number % 3, &text)]).await;
        assert!(answers[0].is_ok());
    }
    let entries = contents(&log).await.unwrap().into_values().collect();
    if clean {
        drop(log);
    } else {
        kill(log, folder);
    }
    entries
}

/// Puts the files back as they were before the clean stop, which is all that a kill leaves out.
fn kill(log: EmbeddedEventLog, folder: &Path) {
    let before: Vec<_> = segments(folder)
        .into_iter()
        .map(|path| (fs::read(&path).unwrap(), path))
        .collect();
    drop(log);
    for (bytes, path) in before {
        fs::write(path, bytes).unwrap();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Every record is there.
    Whole,
    Refused,
    /// The end was cut off, and the log says so.
    CutLoudly,
}

async fn judge(folder: &Path, expected: &[Entry], store: &Arc<KeptCheckpoints>) -> Verdict {
    let log = match open(folder, store) {
        Ok(log) => log,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Verdict::Refused;
        }
    };
    let found = contents(&log).await.unwrap();
    for entry in expected {
        let Some(same) = found.get(&(entry.partition, entry.offset)) else {
            assert!(log.cut().is_some(), "shorter, and says nothing");
            return Verdict::CutLoudly;
        };
        assert_eq!(same, entry, "altered");
    }
    assert_eq!(found.len(), expected.len(), "invented");
    Verdict::Whole
}

/// Flips one bit at a position and opens a copy of the log.
async fn flip(
    folder: &Path,
    path: &Path,
    position: usize,
    (expected, store): (&[Entry], &Arc<KeptCheckpoints>),
) -> Verdict {
    let copy = support::folder();
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let path = copy.path().join(path.file_name().unwrap());
    let mut bytes = fs::read(&path).unwrap();
    bytes[position] ^= 1 << (position % 8);
    fs::write(&path, bytes).unwrap();
    judge(copy.path(), expected, store).await
}

fn used(path: &Path) -> usize {
    let bytes = fs::read(path).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

#[tokio::test]
async fn flipping_any_byte_after_a_clean_stop_never_loses_a_record() {
    let folder = support::folder();
    let expected = make(folder.path(), 30, true).await;
    let files = segments(folder.path());
    assert!(files.len() >= 2);
    let store = Arc::default();
    for path in &files {
        let used = used(path);
        let end = fs::read(path).unwrap().len();
        let near = [used - 1, used, used + 40]
            .into_iter()
            .filter(|at| *at < end);
        for position in (0..used).chain(near) {
            let verdict = flip(folder.path(), path, position, (&expected, &store)).await;
            assert_ne!(
                verdict,
                Verdict::CutLoudly,
                "{position} of {}",
                path.display()
            );
        }
    }
    let name = folder.path().join("log");
    for position in 0..fs::read(&name).unwrap().len() {
        let verdict = flip(folder.path(), &name, position, (&expected, &store)).await;
        assert_eq!(verdict, Verdict::Refused, "{position} of the name");
    }
}

#[tokio::test]
async fn flipping_any_byte_after_a_kill_cuts_loudly_at_most_what_no_later_write_proves() {
    let folder = support::folder();
    let expected = make(folder.path(), 19, false).await;
    let path = segments(folder.path()).pop().unwrap();
    let used = used(&path);
    let store = Arc::default();
    let mut cuts = 0;
    for position in 0..used {
        match flip(folder.path(), &path, position, (&expected, &store)).await {
            Verdict::CutLoudly => {
                cuts += 1;
                assert!(used - position < 400, "only in the last record: {position}");
            }
            Verdict::Whole => panic!("a flipped byte of a frame went unnoticed: {position}"),
            Verdict::Refused => {}
        }
    }
    assert!(
        cuts > 300,
        "the last record is not proven by anything: {cuts}"
    );

    // What a store has taken is proven by the store.
    let last = (PartitionId(18 % 3), Offset(18 / 3));
    store.folded.lock().unwrap().push(last);
    for position in 0..used {
        let verdict = flip(folder.path(), &path, position, (&expected, &store)).await;
        assert_eq!(verdict, Verdict::Refused, "{position}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_file_and_the_bytes_and_changes_nothing() {
    let folder = support::folder();
    make(folder.path(), 30, true).await;
    let path = segments(folder.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[1_000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = open(folder.path(), &Arc::default()).unwrap_err();
    assert_eq!(error.code(), "data_damaged");
    let OpenError::Damaged {
        path: named,
        from,
        to,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(named, &path);
    assert!((*from..*to).contains(&1_000), "{from}..{to}");
    let text = error.to_string();
    assert!(text.contains("damaged in bytes") && text.contains("nothing was changed"));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn a_missing_segment_is_refused() {
    let folder = support::folder();
    make(folder.path(), 60, true).await;
    let files = segments(folder.path());
    assert!(files.len() >= 3);
    fs::remove_file(&files[1]).unwrap();
    let error = open(folder.path(), &Arc::default()).unwrap_err();
    assert_eq!(error.code(), "data_unusable");
    assert!(error.to_string().contains("segment before it is missing"));
}

#[tokio::test]
async fn a_file_that_has_lost_its_end_is_refused() {
    let folder = support::folder();
    make(folder.path(), 5, true).await;
    let path = segments(folder.path()).remove(0);
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(2_000).unwrap();
    let error = open(folder.path(), &Arc::default()).unwrap_err();
    assert_eq!(error.code(), "data_damaged");
}

#[tokio::test]
async fn a_log_that_lacks_what_the_store_has_taken_is_refused() {
    let folder = support::folder();
    make(folder.path(), 6, true).await;
    let store = Arc::<KeptCheckpoints>::default();
    store
        .folded
        .lock()
        .unwrap()
        .push((PartitionId(0), Offset(2)));
    let error = open(folder.path(), &store).expect_err("opened without what its store has taken");
    assert_eq!(error.code(), "data_unusable");
    assert!(error.to_string().contains("partition 0"), "{error}");
    *store.folded.lock().unwrap() = vec![(PartitionId(0), Offset(1))];
    open(folder.path(), &store).unwrap();
}

#[tokio::test]
async fn a_log_of_a_newer_format_is_refused() {
    let folder = support::folder();
    make(folder.path(), 1, true).await;
    let name = folder.path().join("log");
    let text = fs::read_to_string(&name).unwrap();
    fs::write(&name, text.replace("format 1", "format 2")).unwrap();
    let error = open(folder.path(), &Arc::default()).unwrap_err();
    assert_eq!(error.code(), "data_version");
}

/// Makes the frame at `from` one of a kind that is yet to come, with the checksum it would have.
fn alter_kind(path: &Path, from: usize) {
    let mut bytes = fs::read(path).unwrap();
    let number: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let length = u32::from_be_bytes(bytes[from + 4..from + 8].try_into().unwrap());
    let body = from + 12..from + 12 + length as usize;
    bytes[body.start] = 200;
    let mut sum = crc32fast::Hasher::new();
    sum.update(&number.to_be_bytes());
    sum.update(&(from as u64).to_be_bytes());
    sum.update(&length.to_be_bytes());
    sum.update(&bytes[body]);
    bytes[from + 8..from + 12].copy_from_slice(&sum.finalize().to_be_bytes());
    fs::write(path, bytes).unwrap();
}

/// Where frames begin.
fn frames(path: &Path) -> Vec<usize> {
    let bytes = fs::read(path).unwrap();
    let heads = bytes.windows(4).enumerate();
    heads
        .filter(|(_, head)| head == b"xcfr")
        .map(|(at, _)| at)
        .collect()
}

#[tokio::test]
async fn a_frame_that_only_a_newer_program_knows_is_refused_and_never_cut() {
    for clean in [true, false] {
        let folder = support::folder();
        make(folder.path(), 19, clean).await;
        let path = segments(folder.path()).pop().unwrap();
        let [.., before, last] = frames(&path)[..] else {
            panic!("no frames");
        };
        alter_kind(&path, last);
        refuses(folder.path(), &path, last);
        // Nor when what stands before it is torn.
        let mut bytes = fs::read(&path).unwrap();
        bytes[before + 13] ^= 1;
        fs::write(&path, bytes).unwrap();
        refuses(folder.path(), &path, last);
    }
}

#[tokio::test]
async fn a_newer_frame_in_the_middle_is_said_to_be_one_too() {
    let folder = support::folder();
    make(folder.path(), 30, true).await;
    let path = segments(folder.path()).remove(0);
    let at = frames(&path)[2];
    alter_kind(&path, at);
    refuses(folder.path(), &path, at);
}

fn refuses(folder: &Path, path: &Path, at: usize) {
    let before = fs::read(path).unwrap();
    let error = open(folder, &Arc::default()).expect_err("opens what a newer program has written");
    assert_eq!(error.code(), "data_version", "{error}");
    let text = error.to_string();
    assert!(text.contains("newer version"), "{text}");
    assert!(text.contains(&format!("kind 200 at byte {at}")), "{text}");
    assert!(
        fs::read(path).unwrap() == before,
        "nothing is cut or changed"
    );
}
