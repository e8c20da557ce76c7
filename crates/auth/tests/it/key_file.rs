//! The key file: made once, closed to others, never overwritten.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    sync::Barrier,
    thread,
};

use xchat_adapter_memory::SeededRng;
use xchat_auth::{InstallationKeys, KeyFileError, key_file::FILE_NAME};

#[test]
fn the_first_start_creates_the_file_and_the_next_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let first = InstallationKeys::load_or_create(&path, &SeededRng::new(1)).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let second = InstallationKeys::load_or_create(&path, &SeededRng::new(2)).unwrap();
    assert_eq!(first.server_id(), second.server_id());
    assert_eq!(first.partition_key(), second.partition_key());
    assert_eq!(first.jwks_json().unwrap(), second.jwks_json().unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no drafts");
}

#[test]
fn sixteen_first_starts_at_once_agree_on_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let start = Barrier::new(16);
    let ids: Vec<_> = thread::scope(|scope| {
        let starts: Vec<_> = (0..16)
            .map(|seed| {
                let (path, start) = (&path, &start);
                scope.spawn(move || {
                    start.wait();
                    InstallationKeys::load_or_create(path, &SeededRng::new(seed))
                        .unwrap()
                        .server_id()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_may_read_is_refused_with_the_command_that_helps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    InstallationKeys::load_or_create(&path, &SeededRng::new(1)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let error = InstallationKeys::load_or_create(&path, &SeededRng::new(1)).unwrap_err();
    assert!(matches!(error, KeyFileError::Exposed { mode: 0o640, .. }));
    assert!(error.to_string().contains("chmod 600 "));
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    InstallationKeys::load_or_create(&path, &SeededRng::new(1)).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let damages = [
        String::new(),
        good.chars().take(good.len() / 2).collect(),
        good.replace("\"version\": 1", "\"version\": 2"),
        good.replacen("server_key\": \"", "server_key\": \"zz", 1),
        good.replacen('{', "{\"extra\": 1,", 1),
    ];
    for damage in damages {
        assert_ne!(damage, good);
        fs::write(&path, &damage).unwrap();
        let error = InstallationKeys::load_or_create(&path, &SeededRng::new(1)).unwrap_err();
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("restore it from a backup"));
        assert_eq!(fs::read_to_string(&path).unwrap(), damage);
    }
}

#[test]
fn a_missing_file_and_a_missing_directory_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let missing = InstallationKeys::load(&dir.path().join(FILE_NAME)).unwrap_err();
    assert!(matches!(missing, KeyFileError::Missing { .. }));
    let nowhere = dir.path().join("no").join(FILE_NAME);
    let error = InstallationKeys::load_or_create(&nowhere, &SeededRng::new(1)).unwrap_err();
    assert!(matches!(error, KeyFileError::Write { .. }), "{error}");
    assert!(error.to_string().contains("make its directory writable"));
}

#[test]
fn derived_keys_differ_and_print_redacted() {
    let keys = InstallationKeys::generate(&SeededRng::new(1));
    let mut derived = [
        keys.name_pepper(),
        keys.nonce_key(),
        keys.refresh_key(),
        keys.invite_key(),
        keys.claim_key(),
        keys.partition_key(),
    ]
    .map(|key| *key);
    derived.sort_unstable();
    assert!(derived.windows(2).all(|pair| pair[0] != pair[1]));
    assert_eq!(format!("{keys:?}"), "InstallationKeys(redacted)");
}
