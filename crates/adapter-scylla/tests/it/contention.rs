//! Fifty at once on one row: one is told that it won, and nobody is told wrong.

use std::sync::Arc;

use tokio::task::JoinSet;
use xchat_ports::directory_store::{NameClaim, NameHash};
use xchat_types::{AccountId, Millis};

use crate::{
    directory_store::{SHARED, open},
    engine::{self, Turn},
};

const NAME: NameHash = NameHash([9; 32]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_claims_of_one_name_have_one_winner_and_nobody_is_told_wrong() {
    if engine::nodes().is_none() {
        return;
    }
    let turn = Turn::new(&SHARED);
    turn.begin().await;
    let store = open().await;
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let account = AccountId::new([number; 32]);
            (account, store.claim_name(NAME, account, Millis(1)).await)
        });
    }
    let (mut winners, mut unknown) = (Vec::new(), 0);
    while let Some(done) = tasks.join_next().await {
        match done.unwrap() {
            (account, Ok(NameClaim::Held)) => winners.push(account),
            (_, Ok(NameClaim::Taken)) => {}
            (_, Err(error)) => {
                assert!(error.is_retryable(), "{error}");
                unknown += 1;
            }
        }
    }
    println!("{unknown} of 50 stayed unknown");
    let held = store.read_name(NAME).await.unwrap().unwrap().account;
    assert!(winners.iter().all(|winner| *winner == held), "{winners:?}");
    assert!(winners.len() == 1 || unknown > 0, "{winners:?}");
}
