//! Two people from registration to equal histories.

use super::{golden::Golden, house::House};

#[test]
fn two_people_register_ask_accept_and_read_the_same_history() {
    let house = House::start();
    let home = house.home();
    let mut golden = Golden::new("two_people", &home, &[&house]);
    golden.run(&["register", "alice"], 0);
    golden.run(&["register", "bob"], 0);
    golden.run(&["--profile", "alice", "send", "bob", "hello"], 0);
    golden.run(&["--profile", "bob", "requests"], 0);
    golden.run(&["--profile", "bob", "accept", "alice"], 0);
    golden.run(&["--profile", "bob", "send", "alice", "hi", "alice"], 0);
    golden.run(&["--profile", "alice", "sync"], 0);
    golden.run(&["--profile", "alice", "history", "bob"], 0);
    golden.run(&["--profile", "alice", "verify", "bob"], 0);
    golden.run(&["--profile", "alice", "verify", "bob", "--confirm"], 0);
    golden.run(&["--profile", "bob", "requests"], 0);
    golden.run(&["--profile", "bob", "whoami"], 0);
    golden.run(&["--profile", "bob", "doctor"], 0);
    golden.check();

    let history = |profile, peer| {
        let run = home.fine(&["--profile", profile, "--json", "history", peer]);
        // Whose message it is depends on who looks; nothing else does.
        run.out.replace("\"own\":true", "\"own\":false")
    };
    assert_eq!(history("alice", "bob"), history("bob", "alice"));
    let number = |profile, peer| {
        home.fine(&["--profile", profile, "--json", "verify", peer])
            .out
    };
    let digits = |out: String| {
        out.split('"')
            .find(|part| part.len() == 60)
            .map(str::to_owned)
    };
    let number = (
        digits(number("alice", "bob")),
        digits(number("bob", "alice")),
    );
    assert!(number.0.is_some());
    assert_eq!(number.0, number.1);
}

#[test]
fn two_open_chats_show_each_line_on_both_sides_once() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let mut alice = home.chat("alice", "bob");
    alice.wait_for("your first line asks bob");
    let mut bob = home.chat("bob", "alice");
    bob.wait_for("/quit leaves");
    alice.type_line("shall we talk?");
    alice.wait_for("alice: shall we talk?");
    bob.wait_for("asks to talk with you: /accept or /decline");
    bob.type_line("/accept");
    bob.wait_for("you accepted");
    alice.wait_for("bob accepted");
    for number in 0..5 {
        bob.type_line(&format!("from bob {number}"));
        alice.wait_for(&format!("bob: from bob {number}"));
        alice.type_line(&format!("from alice {number}"));
        bob.wait_for(&format!("alice: from alice {number}"));
    }
    alice.type_line("/quit");
    assert_eq!((alice.end(), bob.end()), (0, 0));
    let run = home.fine(&["--profile", "bob", "history", "alice", "--limit", "3"]);
    let texts: Vec<_> = run
        .out
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let texts: Vec<_> = texts.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, ["from alice 3", "from bob 4", "from alice 4"]);
}

#[test]
fn an_unresolved_name_can_be_written_to_by_a_contact_link_from_another_home() {
    let house = House::start();
    let alice = house.home_of(&["alice"]);
    let bob = house.home_of(&["bob"]);
    let link = bob.fine(&["--json", "link"]).out;
    let link = link
        .split('"')
        .find(|part| part.starts_with("xchat:"))
        .unwrap()
        .to_owned();
    alice.fine(&["send", &link, "found", "you"]);
    let requests = bob.fine(&["requests"]).out;
    assert!(requests.contains("alice: found you"), "{requests}");
    bob.fine(&["decline", "alice"]);
    let refused = alice.run(&["send", &link, "still", "there?"]);
    assert_eq!(refused.code, 77, "{refused:#?}");
    assert!(
        refused.err.starts_with("error[request_declined]: "),
        "{refused:#?}"
    );
}

#[test]
fn pages_of_a_history_meet_without_gap_or_overlap() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    home.fine(&["--profile", "alice", "send", "bob", "hello"]);
    home.fine(&["--profile", "bob", "accept", "alice"]);
    // Alice has heard of it before anything else happens.
    home.fine(&["--profile", "alice", "sync"]);
    let mut chat = home.chat("alice", "bob");
    for number in 0..10 {
        chat.type_line(&format!("line {number}"));
    }
    assert_eq!(
        chat.end(),
        0,
        "everything typed before the end of the input is sent"
    );
    let page = |extra: &[&str]| {
        let arguments = [&["--profile", "bob", "--json", "history", "alice"], extra].concat();
        let out = home.fine(&arguments).out;
        let lines = out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines
            .map(|line| line["sequence"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    let all = page(&[]);
    assert_eq!(all.len(), 11);
    let newest = page(&["--limit", "4"]);
    assert_eq!(newest, all[7..]);
    let before = page(&["--limit", "4", "--before", &newest[0].to_string()]);
    assert_eq!(before, all[3..7]);
}
