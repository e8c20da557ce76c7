//! B3: a login by signature, and a durable registration with 50 key packages.

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::task::JoinSet;
use xchat_crypto::SecretKey;
use xchat_proto::client::{self, client_frame::Body as Ask};

use super::{Scale, people, turn::Turn};
use crate::{
    floor::{Floor, Kind, enter},
    house::House,
    link::Link,
    person::{Person, random},
    report::{Report, Row},
    statistics::Spread,
};

/// The floor does so many for one of the server: its own are too short for the kernel's clock.
const PASSES: usize = 5;
const PACKAGES: usize = 50;
const AT_ONCE: usize = 64;

pub(crate) async fn run(scale: &Scale, report: &mut Report) -> Result<()> {
    let house = House::start(&scale.server, scale.folder.as_deref())?;
    let key = SecretKey::from_seed(random());
    logins(scale, &house, &key, report).await?;
    registrations(scale, &house, &key, report).await
}

async fn logins(scale: &Scale, house: &House, key: &SecretKey, report: &mut Report) -> Result<()> {
    let floor = Floor::start(Kind::Door, None)?;
    let members = people::arrive(house.address(), people::make(scale.logins)?, true).await?;
    let mut people: Vec<Person> = members.into_iter().map(|member| member.person).collect();
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let times = scale.logins * PASSES;
        let work = enter(floor.address, key, (times, 0));
        floors.push(Turn::of(&floor.process, times, work).await?.1);
        let work = people::arrive(house.address(), people, false);
        let (members, turn) = Turn::of(house.process(), scale.logins, work).await?;
        people = members.into_iter().map(|member| member.person).collect();
        ours.push(turn);
    }
    let what = "signature login with resume, server CPU µs";
    tell(("b3_login", what), &ours, &floors, report);
    Ok(())
}

async fn registrations(
    scale: &Scale,
    house: &House,
    key: &SecretKey,
    report: &mut Report,
) -> Result<()> {
    let log = match &scale.folder {
        Some(folder) => tempfile::NamedTempFile::new_in(folder)?,
        None => tempfile::NamedTempFile::new()?,
    };
    let floor = Floor::start(Kind::Door, Some(log.path()))?;
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let mut new = Vec::new();
        let mut bytes = 0;
        for _ in 0..scale.registrations {
            let mut person = Person::new()?;
            let publish = person.publications(xchat_mls::Suite::Classical, PACKAGES)?;
            let lengths = publish
                .packages
                .iter()
                .map(|package| package.key_package.len());
            bytes = lengths.sum();
            new.push((person, publish));
        }
        let times = scale.registrations * PASSES;
        let work = enter(floor.address, key, (times, bytes));
        floors.push(Turn::of(&floor.process, times, work).await?.1);
        let work = register(house, new);
        ours.push(
            Turn::of(house.process(), scale.registrations, work)
                .await?
                .1,
        );
    }
    let what = "durable registration, login and 50 key packages, server CPU µs";
    tell(("b3_registration", what), &ours, &floors, report);
    Ok(())
}

async fn register(
    house: &House,
    new: Vec<(Person, client::PublishKeyPackagesRequest)>,
) -> Result<()> {
    let address = house.address();
    let mut waiting = new.into_iter().enumerate();
    let mut open = Vec::new();
    let mut opening = JoinSet::new();
    loop {
        while opening.len() < AT_ONCE
            && let Some((number, (mut person, publish))) = waiting.next()
        {
            opening.spawn(async move {
                let link = Link::open(address, number, &mut person, true).await;
                let mut link = link.with_context(|| format!("socket {number}"))?;
                link.ask(Ask::PublishKeyPackages(publish)).await?;
                anyhow::Ok(link)
            });
        }
        match opening.join_next().await {
            Some(link) => open.push(link??),
            None => return Ok(()),
        }
    }
}

fn tell((id, what): (&str, &str), ours: &[Turn], floors: &[Turn], report: &mut Report) {
    let cpu = |turns: &[Turn]| Spread::of(turns.iter().map(Turn::cpu_micros));
    let rate = |turns: &[Turn]| Spread::of(turns.iter().map(Turn::rate));
    let turns = ours.iter().zip(floors);
    let ratio = Spread::of(turns.map(|(ours, floor)| ours.cpu_micros() / floor.cpu_micros()));
    report.row(Row {
        id: "B3",
        what: what.to_owned(),
        ours: cpu(ours).to_string(),
        floor: cpu(floors).to_string(),
        ratio: ratio.to_string(),
    });
    let json = json!({
        "rounds": ours.len(),
        "times_per_round": ours.first().map(|turn| turn.times),
        "server_cpu_us": cpu(ours).json(),
        "floor_cpu_us": cpu(floors).json(),
        "cpu_ratio": ratio.json(),
        "server_per_second": rate(ours).json(),
        "floor_per_second": rate(floors).json(),
    });
    report.result(id, json);
}
