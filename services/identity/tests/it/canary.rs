//! What must never reach the disk in a readable form.

use std::{fs, path::Path};

use xchat_types::AccountId;

use crate::{
    house::{House, easy},
    person::Person,
};

/// The content of all files below a folder, without the zeros that journals reserve at their end.
fn contents(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
            continue;
        }
        let mut bytes = fs::read(&path).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(used.map_or(0, |last| last + 1));
        found.push(bytes);
    }
    found
}

#[tokio::test]
async fn usernames_and_tokens_reach_no_file() {
    let house = House::embedded(&easy());
    let alice = Person::new(1);
    alice.register(&house, "canary-registered").await;
    let changed = alice.set_username(&house, "canary-changed").await;
    assert!(changed.is_ok());
    assert!(alice.lookup(&house, "canary-changed").await.is_ok());
    let unknown = alice.lookup(&house, "canary-unknown").await;
    assert!(unknown.is_err());
    let session = alice.login(&house).await;

    // Positive control: the same kind of text, written as it is, is found.
    let control = AccountId::new([9; 32]);
    let text: &[u8] = b"canary-as-it-is";
    house
        .directory
        .create_account(control, text.into())
        .await
        .unwrap();

    let files = contents(house.folder.as_ref().unwrap().path());
    let holds = |needle: &[u8]| {
        let mut windows = files.iter().flat_map(|file| file.windows(needle.len()));
        windows.any(|window| window == needle)
    };
    assert!(holds(text), "the scan finds nothing at all");
    assert!(holds(alice.device.public().as_ref()), "nor keys");
    for name in ["canary-registered", "canary-changed", "canary-unknown"] {
        assert!(!holds(name.as_bytes()), "{name}");
    }
    assert!(!holds(session.access_token.as_bytes()));
    assert!(!holds(&session.refresh_token));
    let tag = &session.refresh_token[24..];
    assert!(!holds(tag), "what makes a refresh token genuine");
}
