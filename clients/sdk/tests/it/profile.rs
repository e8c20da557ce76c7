//! Folders, keys and locks.

use std::{fs, os::unix::fs::PermissionsExt as _};

use tempfile::TempDir;
use xchat_sdk::{Client, Error, Home, Options, Server, Settings};

fn home() -> (TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path().join("profiles"));
    (folder, home)
}

fn options(home: &Home, profile: &str) -> Options {
    Options {
        home: home.clone(),
        profile: profile.to_owned(),
        settings: Settings::default(),
    }
}

async fn reason(home: &Home, profile: &str) -> &'static str {
    let error = Client::open(options(home, profile)).await.unwrap_err();
    assert!(!error.next().is_empty());
    error.reason().name()
}

#[tokio::test]
async fn a_profile_serves_one_process_at_a_time_and_names_it() {
    let (_folder, home) = home();
    home.create("alice", &Server::default()).unwrap();
    let (client, _events) = Client::open(options(&home, "alice")).await.unwrap();
    let error = Client::open(options(&home, "alice")).await.unwrap_err();
    assert_eq!(error.reason().name(), "profile_in_use");
    let Error::ProfileInUse { name, pid } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (name.as_str(), pid.as_str()),
        ("alice", std::process::id().to_string().as_str())
    );
    client.close().await;
    let (client, _events) = Client::open(options(&home, "alice")).await.unwrap();
    // An abort is a kill: the profile is free at once.
    client.abort().await;
    let (client, _events) = Client::open(options(&home, "alice")).await.unwrap();
    client.close().await;
}

#[tokio::test]
async fn files_of_a_profile_are_for_its_owner_and_exposed_keys_are_refused() {
    let (_folder, home) = home();
    home.create("alice", &Server::default()).unwrap();
    let folder = home.path().join("alice");
    let (client, _events) = Client::open(options(&home, "alice")).await.unwrap();
    client.close().await;
    let mode = |name: &str| {
        fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("."), mode("key"), mode("server"), mode("lock")),
        (0o700, 0o600, 0o600, 0o600)
    );
    fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(reason(&home, "alice").await, "key_exposed");
    fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.join("key"), [1; 32]).unwrap();
    assert_eq!(reason(&home, "alice").await, "key_wrong");
    fs::remove_file(folder.join("key")).unwrap();
    assert_eq!(reason(&home, "alice").await, "key_missing");
}

#[tokio::test]
async fn names_that_are_no_profiles_are_told_apart() {
    let (folder, home) = home();
    assert_eq!(home.profiles().unwrap(), Vec::<String>::new());
    assert_eq!(reason(&home, "nobody").await, "profile_unknown");
    for name in ["", "..", "a/b", ".hidden", "a b"] {
        assert_eq!(reason(&home, name).await, "profile_name", "{name:?}");
    }
    home.create("bob", &Server::default()).unwrap();
    home.create("alice", &Server::default()).unwrap();
    let again = home.create("bob", &Server::default()).unwrap_err();
    assert_eq!(again.reason().name(), "profile_exists");
    assert_eq!(home.profiles().unwrap(), ["alice", "bob"]);
    home.discard("bob").unwrap();
    assert_eq!(home.profiles().unwrap(), ["alice"]);
    // A folder that can't be made: something else stands there.
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Home::new(file.join("profiles")).create("carol", &Server::default());
    assert_eq!(error.unwrap_err().reason().name(), "not_writable");
}

#[tokio::test]
async fn a_store_that_is_cut_or_something_else_is_damage_and_not_touched() {
    let (_folder, home) = home();
    home.create("alice", &Server::default()).unwrap();
    let (client, _events) = Client::open(options(&home, "alice")).await.unwrap();
    client.close().await;
    let store = home.path().join("alice/store.redb");
    let whole = fs::read(&store).unwrap();
    for broken in [&whole[..whole.len() / 2], b"something else"] {
        fs::write(&store, broken).unwrap();
        assert_eq!(reason(&home, "alice").await, "profile_damaged");
        assert_eq!(fs::read(&store).unwrap(), broken);
    }
    fs::write(&store, &whole).unwrap();
    let (client, _events) = Client::open(options(&home, "alice")).await.unwrap();
    client.close().await;
}
