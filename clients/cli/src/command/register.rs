//! `xchat register NAME`: keys, words, proof of work, name.
//!
//! The words are shown before anything of them is stored or sent: whatever ends this process
//! afterwards, the person has them, and the same command goes on with the same keys.

use xchat_sdk::{Client, Command, Connection, Event, Phrase, Progress, Server, ServerReason};

use crate::{
    args::Register,
    exit::Exit,
    failure::Failure,
    json,
    place::Place,
    reasons,
    screen::Screen,
    session::{Heard, Reach, Session},
};

/// How a registration went.
enum Outcome {
    Registered,
    Refused(ServerReason),
    Away(String),
}

pub(crate) async fn run(args: Register, place: &Place, screen: Screen) -> Result<Exit, Failure> {
    let name = place.profile.clone().unwrap_or_else(|| args.name.clone());
    let server = place.server.clone().unwrap_or_default();
    let is_new = !place.home.profiles()?.contains(&name);
    if is_new {
        place.home.create(&name, &server)?;
    }
    let session = Session::open_profile(place, name.clone(), screen).await?;
    let result = register(args, session, &server).await;
    let keeps = match &result {
        Ok(_) => true,
        // What has no account is of no use to anybody.
        Err((_, keeps)) => *keeps,
    };
    if is_new && !keeps {
        place.home.discard(&name)?;
    }
    result.map_err(|(failure, _)| failure)
}

/// The flag of a failure: whether the profile holds keys that may have become an account.
async fn register(
    args: Register,
    mut session: Session,
    server: &Server,
) -> Result<Exit, (Failure, bool)> {
    let done = attempt(&args, &mut session, server).await;
    session.close().await;
    done
}

async fn attempt(
    args: &Register,
    session: &mut Session,
    server: &Server,
) -> Result<Exit, (Failure, bool)> {
    let fresh = |failure: Failure| (failure, false);
    let known = session
        .client
        .profile()
        .await
        .map_err(|error| fresh(error.into()))?;
    if known.as_ref().is_some_and(|profile| profile.registered) {
        let error = xchat_sdk::Error::ProfileExists(session.profile.clone());
        return Err((error.into(), true));
    }
    let resumes = known.is_some();
    session.connect().map_err(fresh)?;
    if !resumes {
        reach(session).await.map_err(fresh)?;
    }
    let phrase = Client::new_phrase();
    if resumes {
        session.screen.note(
            "This goes on with the keys of an earlier attempt: the words shown then stay valid.",
        );
    } else {
        show(session.screen, &phrase);
    }
    let command = Command::Register {
        phrase,
        keep_root: !args.phrase_only,
        username: Some(args.name.clone()),
        invite: args.invite.clone(),
    };
    let kept = |failure: Failure| (failure, true);
    session
        .client
        .command(command)
        .await
        .map_err(|error| kept(error.into()))?;
    match wait(session).await.map_err(kept)? {
        Outcome::Registered => finish(session, server).await.map_err(kept),
        Outcome::Refused(reason) => Err((refusal(args, server, reason), resumes)),
        Outcome::Away(why) => Err(kept(interrupted(session, &why))),
    }
}

/// Waits until the server has greeted: without it no words are worth writing down.
async fn reach(session: &mut Session) -> Result<(), Failure> {
    let greeted = session
        .until(|event| match event {
            Event::Connection(Connection::Unregistered) => Some(()),
            _ => None,
        })
        .await?;
    match greeted {
        Reach::Done(()) => Ok(()),
        Reach::Away(why) => Err(session.unreachable(&why)),
    }
}

async fn wait(session: &mut Session) -> Result<Outcome, Failure> {
    loop {
        let outcome = match session.next().await? {
            Heard::Proof(progress) => {
                show_progress(session.screen, progress);
                continue;
            }
            Heard::Away(why) => Outcome::Away(why),
            Heard::Event(event) => match *event {
                Event::Registered { .. } => Outcome::Registered,
                Event::RegistrationRefused { reason, .. } => Outcome::Refused(reason),
                _ => continue,
            },
        };
        session.screen.end_progress();
        return Ok(outcome);
    }
}

/// Publishes what others need to write to this account, and says who it is.
async fn finish(session: &mut Session, server: &Server) -> Result<Exit, Failure> {
    session.settle(|_| {}).await?;
    let profile = session.account().await?;
    let screen = session.screen;
    screen.json(&json::Whoami {
        profile: session.profile.clone(),
        account: profile.account.to_string(),
        username: profile.username.clone(),
        device: profile.device.to_hex(),
        server: server.to_string(),
    });
    let name = profile.username.unwrap_or_default();
    screen.line(format_args!("You are {} on {server}.", screen.bold(&name)));
    screen.line("Others write to you by that name, or by your contact link: `xchat link`.");
    Ok(Exit::Ok)
}

fn show(screen: Screen, phrase: &Phrase) {
    screen.json(&json::Words {
        phrase: &phrase.text(),
    });
    if screen.is_json() {
        return;
    }
    screen.line("These 24 words are your account. Write them on paper; they are shown this once.");
    screen.line("They will restore it when this machine is lost (that command comes with several");
    screen.line("devices), and whoever knows them is you.\n");
    let words: Vec<_> = phrase.words().collect();
    let rows = words.len().div_ceil(4);
    for row in 0..rows {
        let cells = (0..4).filter_map(|column| {
            let index = column * rows + row;
            words
                .get(index)
                .map(|word| format!("{:>4}. {word:<9}", index + 1))
        });
        screen.line(cells.collect::<String>().trim_end());
    }
    screen.line("");
}

fn show_progress(screen: Screen, progress: Progress) {
    // The search has no end that is known; the share of tries that find it by now is.
    let tries = i32::try_from(progress.tries).unwrap_or(i32::MAX);
    let miss = 1.0 - 1.0 / f64::from(u32::try_from(progress.expected).unwrap_or(u32::MAX).max(1));
    let percent = 100.0 * (1.0 - miss.powi(tries));
    screen.progress(format_args!(
        "Working for the server, which takes accounts for work instead of phone numbers: {percent:.0} %"
    ));
}

fn refusal(args: &Register, server: &Server, reason: ServerReason) -> Failure {
    let name = &args.name;
    match reason {
        ServerReason::UsernameTaken => Failure::new(
            Exit::Exists,
            "username_taken",
            format!(
                "the username {name} is taken on {server}, so nothing was made of the words above"
            ),
            "choose another one: `xchat register NAME`; it gets new words",
        ),
        ServerReason::UsernameInvalid => Failure::new(
            Exit::Data,
            "username_invalid",
            format!(
                "{name:?} can't be a username: letters and digits of one script, at most 64 bytes"
            ),
            "choose another one: `xchat register NAME`",
        ),
        ServerReason::CertificateInvalid => Failure::new(
            Exit::Config,
            "phrase_needed",
            "an earlier attempt kept the words on paper only and was interrupted",
            "delete the profile's folder, then register again; it gets new words",
        ),
        reason => reasons::refused("the registration", reason),
    }
}

fn interrupted(session: &Session, why: &str) -> Failure {
    Failure::new(
        Exit::Unavailable,
        "server_unreachable",
        format!(
            "the server {} went away: {why}; the keys are kept and the words stay valid",
            session.server
        ),
        "type the same again when the server is there",
    )
}
