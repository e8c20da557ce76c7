//! Profiles: which one, and what may be wrong with one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{golden::Golden, house::House};

#[test]
fn one_profile_is_used_unasked_and_several_are_listed() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let mut golden = Golden::new("several_profiles", &home, &[&house]);
    golden.run(&["whoami"], 0);
    golden.run(&["register", "bob"], 0);
    golden.run(&["whoami"], 64);
    golden.run(&["doctor"], 0);
    golden.run(&["--profile", "bob", "whoami"], 0);
    golden.run(&["--profile", "work", "register", "carol"], 0);
    golden.run(&["--profile", "work", "whoami"], 0);
    golden.check();
    let mut command = home.command(&["whoami"]);
    command.env("XCHAT_PROFILE", "alice");
    assert!(command.output().unwrap().status.success());
}

#[test]
fn a_profile_whose_files_are_not_as_they_should_be() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let folder = home.path().join("alice");
    let (key, store) = (folder.join("key"), folder.join("store.redb"));
    let secret = fs::read(&key).unwrap();
    let whole = fs::read(&store).unwrap();
    let mut golden = Golden::new("broken_profile", &home, &[&house]);

    mode(&key, 0o644);
    golden.run(&["sync"], 77);
    golden.run(&["doctor"], 77);
    mode(&key, 0o600);

    fs::write(&key, [1; 32]).unwrap();
    golden.run(&["sync"], 65);
    fs::write(&key, b"short").unwrap();
    golden.run(&["sync"], 65);
    fs::remove_file(&key).unwrap();
    golden.run(&["--profile", "alice", "sync"], 78);
    fs::write(&key, &secret).unwrap();
    mode(&key, 0o600);

    fs::write(&store, &whole[..whole.len() / 2]).unwrap();
    golden.run(&["sync"], 65);
    fs::write(&store, b"no store at all").unwrap();
    golden.run(&["sync"], 65);

    // Put back, it works as before: nothing was lost by looking.
    fs::write(&store, &whole).unwrap();
    golden.run(&["sync"], 0);
    golden.check();
}

#[test]
fn a_registration_that_is_killed_goes_on_with_the_same_words() {
    // Some work, so that the kill comes in its midst.
    let house = House::with(|config| config.identity.proof_effort = 5);
    let home = house.home();
    let mut command = home.command(&["register", "alice"]);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The work begins when the keys and words are stored.
    let mut first = [0; 7];
    std::io::Read::read_exact(child.stderr.as_mut().unwrap(), &mut first).unwrap();
    assert_eq!(&first, b"Working");
    child.kill().unwrap();
    let killed = child.wait_with_output().unwrap();
    assert_eq!(killed.stdout, b"", "no words without an account");
    let again = home.fine(&["register", "alice"]);
    assert!(again.out.contains("These 24 words"), "{again:#?}");
    assert!(again.out.contains("You are alice"), "{again:#?}");
    home.fine(&["whoami"]);
}

#[test]
fn words_that_could_not_be_shown_are_kept_said_and_shown_by_the_same_command() {
    let house = House::start();
    let home = house.home();
    let mut golden = Golden::new("words_unseen", &home, &[&house]);
    let mut full = home.command(&["register", "alice"]);
    // The account is there, and whoever should show the words can't: as when it is killed then.
    full.stdout(
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap(),
    );
    assert!(full.status().unwrap().success());
    golden.run(&["whoami"], 0);
    golden.run(&["--json", "whoami"], 0);
    golden.run(&["register", "alice"], 0);
    golden.run(&["whoami"], 0);
    golden.run(&["register", "alice"], 73);
    golden.check();
}

#[test]
fn a_phrase_kept_on_paper_only_leaves_no_root_key_in_the_profile() {
    let house = House::start();
    let home = house.home();
    home.fine(&["register", "alice", "--phrase-only"]);
    home.fine(&["register", "bob"]);
    home.fine(&["--profile", "alice", "send", "bob", "hello"]);
    let requests = home.fine(&["--profile", "bob", "requests"]).out;
    assert!(requests.contains("alice: hello"), "{requests}");
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
