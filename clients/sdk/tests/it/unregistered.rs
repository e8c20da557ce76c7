//! What a client does before it has an account, and without a server.

use std::{fs, net::TcpListener};

use xchat_sdk::{
    Client, Command, Connection, Entry, Event, Events, Home, NotSent, Options, Phrase, ProbeError,
    Recipient, Server, Settings,
};

/// A server's address at which nobody listens.
fn nowhere() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
        .parse()
        .unwrap()
}

async fn open(home: &Home) -> (Client, Events) {
    let options = Options {
        home: home.clone(),
        profile: "alice".to_owned(),
        settings: Settings::default(),
    };
    Client::open(options).await.unwrap()
}

fn register(phrase: Phrase, name: &str) -> Command {
    Command::Register {
        phrase,
        keep_root: true,
        username: Some(name.to_owned()),
        invite: None,
    }
}

#[tokio::test]
async fn keys_made_while_the_server_is_away_are_the_keys_of_later() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    home.create("alice", &nowhere()).unwrap();
    let (client, _events) = open(&home).await;
    assert_eq!(client.profile().await.unwrap(), None);
    client
        .command(register(Client::new_phrase(), "canaryname"))
        .await
        .unwrap();
    let first = client.profile().await.unwrap().unwrap();
    assert!(!first.registered);
    // Killed, opened again, registered again with other words: the first keys count.
    client.abort().await;
    let (client, _events) = open(&home).await;
    client
        .command(register(Client::new_phrase(), "canaryname"))
        .await
        .unwrap();
    let again = client.profile().await.unwrap().unwrap();
    assert_eq!((first.account, first.device), (again.account, again.device));
    client.close().await;
}

#[tokio::test]
async fn neither_words_nor_name_of_an_account_lie_in_plain_in_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    home.create("alice", &nowhere()).unwrap();
    let (client, _events) = open(&home).await;
    let phrase = Client::new_phrase();
    let words: Vec<String> = phrase.words().map(str::to_owned).collect();
    let root = phrase.root_key().seed().to_vec();
    client
        .command(register(phrase, "canaryname"))
        .await
        .unwrap();
    client.close().await;
    let profile = folder.path().join("alice");
    let mut canaries = vec![b"canaryname".to_vec(), root];
    canaries.extend(words.windows(2).map(|pair| pair.join(" ").into_bytes()));
    let found = |canary: &Vec<u8>| {
        fs::read_dir(&profile).unwrap().any(|entry| {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            bytes.windows(canary.len()).any(|window| window == canary)
        })
    };
    assert_eq!(canaries.iter().filter(|canary| found(canary)).count(), 0);
    // The scan finds what is there.
    fs::write(profile.join("plain"), canaries.concat()).unwrap();
    assert_eq!(
        canaries.iter().filter(|canary| found(canary)).count(),
        canaries.len()
    );
}

#[tokio::test]
async fn a_text_without_an_account_is_refused_and_a_server_that_is_away_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::new(folder.path());
    home.create("alice", &nowhere()).unwrap();
    let (client, mut events) = open(&home).await;
    let ticket = client
        .send(Recipient::Name("bob".to_owned()), "hi".to_owned())
        .await
        .unwrap();
    let Some(Entry::Event(Event::NotSent {
        ticket: told,
        reason,
        ..
    })) = events.next().await
    else {
        panic!("no refusal")
    };
    assert_eq!((told, reason), (ticket, NotSent::NotRegistered));
    client.connect().unwrap();
    assert!(matches!(events.next().await, Some(Entry::Unreachable(_))));
    // And again, without being asked.
    assert!(matches!(events.next().await, Some(Entry::Unreachable(_))));
    assert_eq!(client.connection().await.unwrap(), Connection::Offline);
    assert!(!client.is_settled().await.unwrap());
    client.close().await;
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_probe_tells_nobody_there_from_somebody_else() {
    assert!(matches!(
        xchat_sdk::probe(&nowhere()).await,
        Err(ProbeError::Unreachable(_))
    ));
}
