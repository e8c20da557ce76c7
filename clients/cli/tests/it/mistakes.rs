//! A stranger's mistakes: each output says what, why and what next, and is held.

use std::{fs, net::TcpListener, process::Command};

use super::{
    fake::FakeServer,
    golden::Golden,
    house::{Home, House, Run},
};

#[test]
fn names_that_lead_to_nobody() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let mut golden = Golden::new("wrong_name", &home, &[&house]);
    golden.run(&["send", "nobody", "hello"], 67);
    golden.run(&["chat", "nobody"], 67);
    golden.run(&["history", "nobody"], 67);
    golden.run(&["accept", "nobody"], 67);
    golden.run(&["verify", "nobody"], 67);
    golden.run(&["send", "no body", "hello"], 67);
    golden.run(&["send", "alice", "hello"], 65);
    golden.check();
}

#[test]
fn ids_and_links_with_mistakes() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let out = home.fine(&["--json", "whoami"]).out;
    let id = out
        .split('"')
        .find(|part| part.starts_with("xchat1"))
        .unwrap()
        .to_owned();
    let wrong = id.replacen("xchat1", "xchat1q", 1);
    let mut golden = Golden::new("wrong_id", &home, &[&house]);
    golden.run(&["send", &wrong, "hello"], 65);
    golden.run(&["send", &format!("xchat:{id}"), "hello"], 65);
    golden.run(
        &["send", &format!("xchat:{id}@chat.example.org"), "hello"],
        68,
    );
    golden.run(&["send", "", "hello"], 64);
    golden.check();
}

#[test]
fn names_that_can_not_be_had() {
    let house = House::start();
    let _first = house.home_of(&["alice"]);
    let home = house.home();
    let mut golden = Golden::new("name_taken", &home, &[&house]);
    golden.run(&["register", "alice"], 73);
    golden.run(&["--profile", "p", "register", "a b"], 65);
    golden.run(&["register", "../alice"], 64);
    golden.run(&["whoami"], 78);
    golden.run(&["register", "alicia"], 0);
    golden.run(&["register", "alicia"], 73);
    golden.check();
}

#[test]
fn texts_that_can_not_be_sent() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let large = "x".repeat(70 * 1_024);
    let medium = "x".repeat(5 * 1_024);
    let mut golden = Golden::new("wrong_text", &home, &[&house]);
    golden.run(&["--profile", "alice", "send", "bob", ""], 65);
    golden.run(&["--profile", "alice", "send", "bob", "   "], 65);
    golden.run(&["--profile", "alice", "send", "bob", &large], 65);
    golden.run(&["--profile", "alice", "send", "bob", &medium], 65);
    golden.run(&["--profile", "alice", "send", "bob", "-"], 65);
    let mut not_text = home.command(&["--profile", "alice", "send", "bob", "-"]);
    let bytes = home.path().join("latin1");
    fs::write(&bytes, [b'h', 0xe9]).unwrap();
    not_text.stdin(fs::File::open(&bytes).unwrap());
    golden.note(
        &Run::of(&["--profile", "alice", "send", "bob", "-"], not_text),
        65,
    );
    golden.check();
    // And nothing of it was kept to be sent later.
    let sync = home.fine(&["--profile", "alice", "sync"]).out;
    assert_eq!(sync, "Nothing new.\n");
}

#[test]
fn a_server_of_another_version() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let fake = FakeServer::of_another_version();
    let address = format!("ws://{}", fake.address);
    let mut golden = Golden::new("other_version", &home, &[&house]);
    for (arguments, code) in [
        (["doctor", "--json"], 76),
        (["sync", "--json"], 76),
        (["register", "bob"], 76),
    ] {
        let arguments = [&["--server", &address], arguments.as_slice()].concat();
        let mut run = home.run(&arguments);
        run.line = run.line.replace(&address, "ws://OTHER");
        run.out = run.out.replace(&address, "ws://OTHER");
        run.err = run.err.replace(&address, "ws://OTHER");
        golden.note(&run, code);
    }
    golden.check();
}

#[test]
fn a_port_where_something_else_listens() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let fake = FakeServer::start(vec![0xff; 40]);
    let run = home.run(&["doctor", "--server", &format!("ws://{}", fake.address)]);
    assert_eq!(run.code, 76, "{run:#?}");
    assert!(run.out.contains("[not_xchat]"), "{run:#?}");
    // Nobody answers at all: patience ends.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("ws://{}", silent.local_addr().unwrap());
    let run = home.run(&["sync", "--server", &address, "--wait", "1"]);
    assert_eq!(run.code, 69, "{run:#?}");
    assert!(run.err.contains("no answer within 1 s"), "{run:#?}");
}

#[test]
fn a_profile_of_another_server() {
    let house = House::start();
    let other = House::start();
    let home = house.home_of(&["alice"]);
    let mut golden = Golden::new("other_server", &home, &[&house, &other]);
    golden.run(&["--server", other.address(), "sync"], 78);
    golden.run(&["--server", other.address(), "send", "bob", "hello"], 78);
    golden.run(&["--server", other.address(), "doctor"], 78);
    golden.check();
}

#[test]
fn a_clock_that_is_off_by_a_day_stops_sending_and_loses_nothing() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    home.fine(&["--profile", "alice", "send", "bob", "hello"]);
    home.fine(&["--profile", "bob", "accept", "alice"]);
    // Alice has heard of it before anything else happens.
    home.fine(&["--profile", "alice", "sync"]);
    let shifted = |arguments: &[&str]| {
        let mut command = Command::new("faketime");
        command.args(["-m", "-f", "+1d", env!("CARGO_BIN_EXE_xchat")]);
        home.prepare(command.args(arguments));
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Run::of(arguments, command)
    };
    let mut golden = Golden::new("clock_off", &home, &[&house]);
    golden.note(
        &shifted(&["--profile", "alice", "send", "bob", "from tomorrow"]),
        75,
    );
    golden.note(&shifted(&["--profile", "alice", "doctor"]), 78);
    golden.run(&["--profile", "alice", "sync"], 0);
    golden.check();
}

#[test]
fn a_home_that_can_not_be_written() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let file = home.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let below = file.join("home").display().to_string();
    let mut golden = Golden::new("not_writable", &home, &[&house]);
    golden.run(&["--home", &below, "register", "bob"], 74);
    golden.check();
}

#[test]
fn a_disk_that_is_full() {
    let house = House::start();
    let home = house.home();
    let folder = home.path().join("alice");
    fs::create_dir(&folder).unwrap();
    // The first file that is written lies on a device that has no room.
    std::os::unix::fs::symlink("/dev/full", folder.join("server.part")).unwrap();
    let mut golden = Golden::new("disk_full", &home, &[&house]);
    golden.run(&["register", "alice"], 74);
    golden.check();
    // What was in the way is gone with the failed attempt: now there is room.
    home.fine(&["register", "alice"]);
}

#[test]
fn two_processes_on_one_profile() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let mut chat = home.chat("alice", "bob");
    chat.wait_for("/quit leaves");
    let mut golden = Golden::new("profile_in_use", &home, &[&house]);
    golden.run(&["--profile", "alice", "send", "bob", "hello"], 75);
    golden.run(&["--profile", "alice", "doctor"], 0);
    golden.check();
    let run = home.run(&["--profile", "alice", "sync"]);
    assert!(
        run.err.contains(&format!("process {}", chat.pid())),
        "{run:#?}"
    );
    chat.type_line("the chat goes on");
    chat.wait_for("the chat goes on");
    assert_eq!(chat.end(), 0);
}

#[test]
fn a_server_that_wants_an_invite() {
    let house = House::with(|config| {
        config.identity.signup_gate = serde_json::from_str("\"invite\"").unwrap();
    });
    let home = house.home();
    let mut golden = Golden::new("invite", &home, &[&house]);
    golden.run(&["register", "alice"], 77);
    golden.run(&["register", "alice", "--invite", "nonsense"], 77);
    golden.run(&["doctor"], 0);
    golden.check();
}

#[test]
fn command_lines_that_can_not_be_read() {
    let home = Home::new("ws://127.0.0.1:1");
    let mut golden = Golden::new("usage", &home, &[]);
    golden.run(&["snd", "bob"], 64);
    golden.run(&["send", "bob"], 64);
    golden.run(
        &["--server", "ws://chat.example.org", "register", "alice"],
        64,
    );
    golden.run(&["--server", "nonsense://x", "doctor"], 64);
    golden.run(&["whoami"], 78);
    golden.run(&["--profile", "nobody", "whoami"], 78);
    golden.run(&["--help"], 0);
    golden.run(&["help", "send"], 0);
    golden.check();
}
