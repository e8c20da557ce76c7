//! The server comes and goes; every text arrives once.

use super::{golden::Golden, house::House};

#[test]
fn a_text_sent_while_the_server_is_away_is_delivered_once_by_a_later_command() {
    let mut house = House::start();
    let home = house.home_of(&["alice", "bob", "carol"]);
    home.fine(&["--profile", "alice", "send", "bob", "hello"]);
    home.fine(&["--profile", "bob", "accept", "alice"]);
    home.fine(&["--profile", "alice", "sync"]);
    house.stop();
    let mut golden = Golden::new("server_away", &home, &[&house]);
    golden.run(
        &["--profile", "alice", "send", "bob", "while you were away"],
        75,
    );
    golden.run(
        &[
            "--profile",
            "alice",
            "send",
            "carol",
            "to a name never looked up",
        ],
        75,
    );
    golden.run(&["--profile", "alice", "sync"], 69);
    golden.run(&["--profile", "alice", "outbox"], 0);
    golden.run(&["--profile", "alice", "history", "bob"], 0);
    golden.run(&["--profile", "alice", "history", "dave"], 69);
    golden.run(&["--profile", "alice", "doctor"], 69);
    golden.run(&["doctor", "--quiet"], 69);
    golden.run(&["register", "erin"], 69);
    golden.check();
    house.start_again();
    home.fine(&["--profile", "alice", "sync"]);
    home.fine(&["--profile", "alice", "sync"]);
    let texts = |profile, peer| {
        let run = home.fine(&["--profile", profile, "history", peer]);
        run.out
            .lines()
            .filter_map(|line| Some(line.split_once(": ")?.1.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts("bob", "alice"), ["hello", "while you were away"]);
    let requests = home.fine(&["--profile", "carol", "requests"]).out;
    assert_eq!(
        requests.matches("to a name never looked up").count(),
        1,
        "{requests}"
    );
    home.fine(&["doctor", "--quiet"]);
}

#[test]
fn an_open_chat_outlives_the_server_and_a_kill_loses_nothing_that_was_typed() {
    let mut house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    home.fine(&["--profile", "alice", "send", "bob", "hello"]);
    home.fine(&["--profile", "bob", "accept", "alice"]);
    let mut alice = home.chat("alice", "bob");
    alice.wait_for("/quit leaves");
    house.stop();
    alice.wait_for("the server went away");
    alice.type_line("typed in the dark");
    alice.wait_for("it waits");
    house.start_again();
    alice.wait_for("alice: typed in the dark");
    house.stop();
    alice.wait_for("the server went away");
    alice.type_line("typed before the kill");
    alice.wait_for("it waits");
    alice.kill();
    house.start_again();
    let sync = home.fine(&["--profile", "alice", "sync"]).out;
    assert!(sync.contains("A text that waited was sent"), "{sync}");
    let out = home.fine(&["--profile", "bob", "history", "alice"]).out;
    for text in ["hello", "typed in the dark", "typed before the kill"] {
        assert_eq!(out.matches(text).count(), 1, "{out}");
    }
}

#[test]
fn a_text_that_waits_for_consent_says_so_and_goes_when_it_is_given() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let mut golden = Golden::new("waits_for_consent", &home, &[&house]);
    golden.run(&["--profile", "alice", "send", "bob", "one"], 0);
    golden.run(&["--profile", "alice", "send", "bob", "two"], 75);
    golden.run(&["--profile", "alice", "outbox"], 0);
    golden.run(&["--profile", "bob", "accept", "alice"], 0);
    golden.run(&["--profile", "alice", "sync"], 0);
    golden.run(&["--profile", "alice", "outbox"], 0);
    golden.run(&["--profile", "bob", "history", "alice"], 0);
    golden.check();
}

#[test]
fn an_answer_by_writing_says_what_it_does() {
    let mut house = House::start();
    let home = house.home_of(&["alice", "bob", "carol"]);
    for name in ["alice", "carol"] {
        home.fine(&["--profile", name, "send", "bob", "hello"]);
    }
    home.fine(&["--profile", "bob", "sync"]);
    let mut golden = Golden::new("answer_by_writing", &home, &[&house]);
    golden.run(&["--profile", "bob", "send", "alice", "hi"], 0);
    golden.check();
    house.stop();
    let run = home.run(&["--profile", "bob", "--json", "send", "carol", "hi", "you"]);
    assert!(run.out.contains("\"accepts\":true"), "{run:#?}");
    house.start_again();
    home.fine(&["--profile", "bob", "sync"]);
    let history = home.fine(&["--profile", "carol", "history", "bob"]).out;
    assert!(history.contains("bob: hi you"), "{history}");
}

#[test]
fn a_text_that_came_back_is_told_again_until_it_could_be_said() {
    let mut house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    house.stop();
    let kept = home.run(&["--profile", "alice", "send", "bobb", "meet at six"]);
    assert_eq!(kept.code, 75, "{kept:#?}");
    house.start_again();
    // It comes back, and whoever should say so can't: as when it is killed then.
    let full = || {
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
    };
    let mut mute = home.command(&["--profile", "alice", "sync"]);
    assert!(
        mute.stdout(full())
            .stderr(full())
            .status()
            .unwrap()
            .success()
    );
    house.stop();
    let run = home.run(&["--profile", "alice", "requests"]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(
        run.err.contains("It was: meet at six"),
        "without the server too: {run:#?}"
    );
    let run = home.run(&["--profile", "alice", "requests"]);
    assert!(
        !run.err.contains("It was: meet at six"),
        "said once: {run:#?}"
    );
}

#[test]
fn a_text_for_nobody_comes_back_whatever_command_is_next() {
    let mut house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let keep = |text: &str| {
        let kept = home.run(&["--profile", "alice", "send", "bobb", text]);
        assert_eq!(kept.code, 75, "{kept:#?}");
    };
    let back = |text: &str| {
        format!(
            "A text that waited for bobb is not sent: nobody on this server is called bobb. It was: {text}"
        )
    };
    house.stop();
    keep("meet at six");
    house.start_again();
    let run = home.fine(&["--profile", "alice", "send", "bob", "hello"]);
    assert!(run.err.contains(&back("meet at six")), "{run:#?}");
    house.stop();
    keep("or seven");
    house.start_again();
    let run = home.fine(&["--profile", "alice", "sync"]);
    assert!(run.out.contains(&back("or seven")), "{run:#?}");
    assert_eq!(run.err, "", "said once");
}
