//! The fields of `--json`, as README.md documents them.

use super::{golden::Golden, house::House};

#[test]
fn every_command_prints_the_documented_objects() {
    let house = House::start();
    let home = house.home();
    let mut golden = Golden::new("json", &home, &[&house]);
    golden.run(&["--json", "register", "alice"], 0);
    golden.run(&["--json", "register", "bob"], 0);
    let mut alice = |arguments: &[&str], code| {
        golden.run(
            &[&["--profile", "alice", "--json"], arguments].concat(),
            code,
        );
    };
    alice(&["whoami"], 0);
    alice(&["link"], 0);
    alice(&["send", "bob", "hello"], 0);
    alice(&["send", "bob", "hello", "again"], 75);
    alice(&["outbox"], 0);
    alice(&["send", "nobody", "hello"], 67);
    golden.run(&["--profile", "bob", "--json", "requests"], 0);
    golden.run(&["--profile", "bob", "--json", "accept", "alice"], 0);
    golden.run(&["--profile", "bob", "--json", "send", "alice", "hi"], 0);
    golden.run(&["--profile", "alice", "--json", "sync"], 0);
    golden.run(&["--profile", "bob", "--json", "history", "alice"], 0);
    golden.run(&["--profile", "bob", "--json", "verify", "alice"], 0);
    golden.run(&["--profile", "bob", "--json", "doctor"], 0);
    golden.check();
}

#[test]
fn what_goes_wrong_is_an_object_too() {
    let mut house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let alice =
        |arguments: &[&'static str]| [&["--profile", "alice", "--json"], arguments].concat();
    house.stop();
    let kept = home.run(&alice(&["send", "bobb", "meet", "at", "six"]));
    assert_eq!(kept.code, 75, "{kept:#?}");
    let mut golden = Golden::new("json_errors", &home, &[&house]);
    golden.run(&alice(&["sync"]), 69);
    golden.run(&alice(&["outbox"]), 0);
    golden.run(&["--json", "whoami"], 64);
    golden.run(&["--json", "--profile", "carol", "whoami"], 78);
    golden.run(&["--json", "snd"], 64);
    golden.run(&["send", "--json", "bob"], 64);
    golden.check();
    house.start_again();
    let mut golden = Golden::new("json_errors_online", &home, &[&house]);
    golden.run(&alice(&["send", "bob", " "]), 65);
    golden.run(&alice(&["send", "nobody", "hello"]), 67);
    golden.run(&["--json", "register", "bob", "--profile", "other"], 73);
    golden.check();
    // Everything on both streams, whatever happens, is an object a line.
    for arguments in [alice(&["verify", "nobody"]), alice(&["accept", "bob"])] {
        let run = home.run(&arguments);
        assert_ne!(run.code, 0, "{run:#?}");
        for line in run.out.lines().chain(run.err.lines()) {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(object.is_object(), "{line}");
        }
        let last: serde_json::Value =
            serde_json::from_str(run.err.lines().last().unwrap()).unwrap();
        for field in ["reason", "message", "next"] {
            assert!(last[field].is_string(), "{last}");
        }
        assert_eq!(last["level"], "error");
    }
}

#[test]
fn flags_are_read_wherever_they_stand_and_text_may_look_like_one() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let run = home.fine(&["send", "bob", "hello", "--json", "--profile", "alice"]);
    assert!(run.out.starts_with("{\"conversation\":"), "{run:?}");
    let run = home.run(&[
        "--profile",
        "alice",
        "send",
        "bob",
        "--",
        "--json",
        "-",
        "-5",
    ]);
    assert_eq!(run.code, 75, "{run:?}");
    home.fine(&["--profile", "bob", "accept", "alice"]);
    home.fine(&["--profile", "alice", "sync"]);
    let out = home.fine(&["--profile", "bob", "history", "alice"]).out;
    assert!(out.contains("alice: --json - -5\n"), "{out}");
}

#[test]
fn what_is_printed_for_programs_is_one_object_a_line() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    home.fine(&["--profile", "alice", "send", "bob", "one\ntwo \"three\""]);
    for arguments in [
        ["whoami", ""],
        ["link", ""],
        ["requests", ""],
        ["doctor", ""],
        ["history", "alice"],
    ] {
        let arguments: Vec<_> = arguments
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let arguments = [&["--profile", "bob", "--json"], arguments.as_slice()].concat();
        let out = home.fine(&arguments).out;
        assert!(!out.is_empty(), "{arguments:?}");
        for line in out.lines() {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert!(object.is_object(), "{line}");
        }
    }
}
