//! Nothing that people say, are called, or keep secret is found on a server or, without its key,
//! on a client (I14).

use xchat_integration_tests::{Person, Shape, scan};

use crate::house;

const BODY: &str = "canary-body-7f3a91";
const REQUEST: &str = "canary-request-c04be2";

#[tokio::test(flavor = "multi_thread")]
async fn no_body_name_or_phrase_word_is_found_in_any_file_or_log() {
    search(Shape::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_name_or_phrase_word_is_found_with_four_processes_that_talk_over_tcp() {
    search(Shape::FourProcesses).await;
}

async fn search(shape: Shape) {
    let mut house = house(shape);
    let mut alice = Person::register(&house.server(), "canaryalice5d").await;
    let mut bob = Person::register(&house.server(), "canarybob9e").await;
    let asked = alice.send_to_name("canarybob9e", REQUEST).await;
    alice.sent(asked).await;
    bob.received(REQUEST).await;
    bob.accept(&alice).await;
    let sent = alice.send(&bob, BODY).await;
    alice.sent(sent).await;
    bob.received(BODY).await;
    alice.close().await;
    bob.close().await;
    house.stop();

    let mut words = vec![BODY.to_owned(), REQUEST.to_owned()];
    words.extend([alice.name.clone(), bob.name.clone()]);
    // Pairs of neighbours: a single short word may stand in any file by chance.
    for phrase in [&alice.phrase, &bob.phrase] {
        let singles: Vec<&str> = phrase.split(' ').collect();
        words.extend(singles.windows(2).map(|pair| pair.join(" ")));
    }
    let nothing: [&str; 0] = [];
    // The scan does see the logs with their spans, and what the stores hold.
    assert_ne!(scan::find(house.folder(), &["task{task="]), nothing);
    if !cfg!(feature = "fleet") {
        // A fleet's stores are elsewhere.
        let id = alice.account.as_bytes().split(|byte| *byte == b'\n');
        let id = id.max_by_key(|part| part.len()).unwrap();
        assert_ne!(scan::find(&house.folder().join("data"), &[id]), nothing);
    }
    assert_eq!(scan::find(house.folder(), &words), nothing, "on the server");
    for person in [&alice, &bob] {
        assert_eq!(
            scan::find(person.folder(), &words),
            nothing,
            "on a client, without its key"
        );
    }
}

#[test]
fn the_scan_finds_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    let bytes = [&[0xff, 0x00][..], BODY.as_bytes(), &[0x80]].concat();
    std::fs::write(folder.path().join("deep/file"), bytes).unwrap();
    let found = scan::find(folder.path(), &[BODY.to_owned(), REQUEST.to_owned()]);
    assert_eq!(
        found,
        [folder.path().join("deep/file").display().to_string()]
    );
}
