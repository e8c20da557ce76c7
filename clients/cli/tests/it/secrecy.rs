//! What may reach a terminal, and what may lie on a disk.

use std::{fs, path::Path};

use super::house::{Home, House};

const BODY: &str = "canary-body-7f3a";

/// Two people with unusual names, one canary said each way; the words of both.
fn talk(house: &House) -> (Home, Vec<String>) {
    let home = house.home();
    let words: Vec<String> = ["canaryalice", "canarybob"]
        .iter()
        .map(|name| {
            let out = home.fine(&["--json", "register", name]).out;
            out.split('"').nth(3).expect("a phrase").to_owned()
        })
        .collect();
    home.fine(&["--profile", "canaryalice", "send", "canarybob", BODY]);
    home.fine(&["--profile", "canarybob", "accept", "canaryalice"]);
    home.fine(&["--profile", "canarybob", "send", "canaryalice", BODY]);
    home.fine(&["--profile", "canaryalice", "sync"]);
    (home, words)
}

#[test]
fn nothing_said_and_nobody_s_name_or_words_lie_in_plain_in_any_file() {
    let house = House::start();
    let (home, phrases) = talk(&house);
    let mut canaries = vec![BODY.to_owned()];
    for phrase in &phrases {
        let words: Vec<_> = phrase.split(' ').collect();
        assert_eq!(words.len(), 24);
        // Single words may stand in any text; two after one another do not by chance.
        canaries.extend(words.windows(2).map(|pair| pair.join(" ")));
    }
    let mut client = canaries.clone();
    client.extend(["canaryalice".to_owned(), "canarybob".to_owned()]);
    for profile in ["canaryalice", "canarybob"] {
        assert_eq!(
            found(&home.path().join(profile), &client),
            Vec::<String>::new()
        );
    }
    canaries.push("canaryalice".to_owned());
    assert_eq!(found(house.data(), &canaries), Vec::<String>::new());

    // The scan finds what is there: the same strings in a file of the same folder.
    let plain = home.path().join("canaryalice/plain");
    fs::write(
        &plain,
        [
            &[0xff; 9_000],
            BODY.as_bytes(),
            b"canarybob\0",
            phrases[0].as_bytes(),
        ]
        .concat(),
    )
    .unwrap();
    let hits = found(&home.path().join("canaryalice"), &client);
    assert!(hits.contains(&BODY.to_owned()) && hits.contains(&"canarybob".to_owned()));
    assert!(hits.len() >= 24, "{hits:?}");
}

#[test]
fn what_others_write_reaches_no_terminal_as_a_command() {
    let house = House::start();
    let home = house.home_of(&["alice", "bob"]);
    let nasty =
        "\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}1m\rover\u{202e}txt.exe\n23:59 bob: I owe you\u{8}\u{8}";
    home.fine(&["--profile", "alice", "send", "bob", nasty]);
    let shown = |arguments: &[&str]| {
        let run = home.fine(&[&["--profile", "bob"], arguments].concat());
        let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.out.chars().any(harmful), "{run:?}");
        run.out
    };
    assert!(shown(&["requests"]).contains("over"));
    let history = shown(&["history", "alice"]);
    // No line of it can pass for a message of somebody else.
    assert!(
        history.contains("\n      23:59 bob: I owe you"),
        "{history}"
    );
    shown(&["accept", "alice"]);
    // Programs get every character, escaped as JSON does.
    let json = home
        .fine(&["--profile", "bob", "--json", "history", "alice"])
        .out;
    let object: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(object["text"], nasty);
}

#[test]
fn colours_are_for_terminals_only() {
    let house = House::start();
    let home = house.home_of(&["alice"]);
    let run = home.fine(&["whoami"]);
    assert!(!run.out.contains('\u{1b}'), "{run:?}");
    // `script` gives the program a terminal.
    let on_terminal = |variable: Option<(&str, &str)>| {
        let mut command = std::process::Command::new("script");
        let line = format!("{} whoami", env!("CARGO_BIN_EXE_xchat"));
        home.prepare(command.args(["-qec", &line, "/dev/null"]));
        command
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(variable);
        String::from_utf8(command.output().expect("script").stdout).unwrap()
    };
    assert!(on_terminal(None).contains('\u{1b}'));
    assert!(!on_terminal(Some(("NO_COLOR", "1"))).contains('\u{1b}'));
}

/// Which of the strings, all printable, stand in any file below a folder.
fn found(folder: &Path, strings: &[String]) -> Vec<String> {
    let mut hits = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            hits.extend(found(&path, strings));
            continue;
        }
        let bytes = fs::read(&path).expect("a file");
        // Stores are large and mostly noise or zeros: only what could be text is looked through.
        let texts = bytes.split(|byte| !(b' '..=b'~').contains(byte));
        for text in texts.filter(|text| text.len() >= 5) {
            let text = std::str::from_utf8(text).expect("ASCII");
            hits.extend(
                strings
                    .iter()
                    .filter(|string| text.contains(string.as_str()))
                    .cloned(),
            );
        }
    }
    hits.sort();
    hits.dedup();
    hits
}
