//! Many people at their sockets.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;

use crate::{link::Link, person::Person, room::Member};

/// Sockets that are being opened at once.
const AT_ONCE: usize = 64;

/// Opens a socket for each, signed up when `new`; in the order of `people`.
pub(super) async fn arrive(
    address: SocketAddr,
    people: Vec<Person>,
    new: bool,
) -> Result<Vec<Member>> {
    let count = people.len();
    let mut waiting = people.into_iter().enumerate();
    let mut opening = JoinSet::new();
    let mut members: Vec<(usize, Member)> = Vec::with_capacity(count);
    loop {
        while opening.len() < AT_ONCE
            && let Some((number, mut person)) = waiting.next()
        {
            opening.spawn(async move {
                let link = Link::open(address, number, &mut person, new)
                    .await
                    .with_context(|| format!("socket {number}"))?;
                anyhow::Ok((number, Member::new(person, link)))
            });
        }
        match opening.join_next().await {
            Some(member) => members.push(member??),
            None => break,
        }
    }
    members.sort_by_key(|(number, _)| *number);
    Ok(members.into_iter().map(|(_, member)| member).collect())
}

pub(super) fn make(count: usize) -> Result<Vec<Person>> {
    (0..count).map(|_| Person::new()).collect()
}
