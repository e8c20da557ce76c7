//! `xchat register NAME`: keys, words, proof of work, name.
//!
//! The words are stored with the keys, sealed, and shown once there is an account: they go from the
//! store when they are on the screen. Whatever ends this process before that, the same command goes
//! on with the same keys, and every other one says that the words were not shown.

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
    let kept = |failure: Failure| (failure, true);
    let known = session
        .client
        .profile()
        .await
        .map_err(|error| fresh(error.into()))?;
    let unseen = session
        .client
        .unseen_phrase()
        .await
        .map_err(|error| kept(error.into()))?;
    if known.as_ref().is_some_and(|profile| profile.registered) {
        if unseen.is_some() {
            return finish(session, server).await.map_err(kept);
        }
        let error = xchat_sdk::Error::ProfileExists(session.profile.clone());
        return Err(kept(error.into()));
    }
    let resumes = known.is_some();
    session.connect().map_err(fresh)?;
    if !resumes {
        reach(session).await.map_err(fresh)?;
    } else if unseen.is_none() {
        session.screen.note(
            "This goes on with the keys of an earlier attempt: the words shown then stay valid.",
        );
    }
    let command = Command::Register {
        phrase: Client::new_phrase(),
        keep_root: !args.phrase_only,
        username: Some(args.name.clone()),
        invite: args.invite.clone(),
    };
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

/// Waits until the server has greeted: without it no keys are worth making.
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
    let mut said = session.screen.shows_progress();
    loop {
        let outcome = match session.next().await? {
            Heard::Proof(progress) => {
                if !std::mem::replace(&mut said, true) && progress.expected > 1 {
                    session.screen.note(WORKING);
                }
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

/// Shows the words, publishes what others need to write to this account, and says who it is.
async fn finish(session: &mut Session, server: &Server) -> Result<Exit, Failure> {
    let screen = session.screen;
    if let Some(phrase) = session.client.unseen_phrase().await?
        && show(screen, &phrase)
    {
        session.client.command(Command::PhraseShown).await?;
    }
    session.connect()?;
    session.settle(|_| {}).await?;
    let profile = session.account().await?;
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

/// `false`: they could not be written.
fn show(screen: Screen, phrase: &Phrase) -> bool {
    let words = json::Words {
        phrase: &phrase.text(),
    };
    let mut text = "\
These 24 words are your account. Write them on paper; they are shown this once.
They will restore it when this machine is lost (that command comes with several
devices), and whoever knows them is you.\n\n"
        .to_owned();
    let words_of: Vec<_> = phrase.words().collect();
    let rows = words_of.len().div_ceil(4);
    for row in 0..rows {
        let cells = (0..4).filter_map(|column| {
            let index = column * rows + row;
            words_of
                .get(index)
                .map(|word| format!("{:>4}. {word:<9}", index + 1))
        });
        text.push_str(cells.collect::<String>().trim_end());
        text.push('\n');
    }
    screen.json(&words) && screen.line(&text)
}

const WORKING: &str =
    "Working for the server, which takes accounts for work instead of phone numbers";

fn show_progress(screen: Screen, progress: Progress) {
    // The search has no end that is known; the share of tries that find it by now is.
    let tries = i32::try_from(progress.tries).unwrap_or(i32::MAX);
    let miss = 1.0 - 1.0 / f64::from(u32::try_from(progress.expected).unwrap_or(u32::MAX).max(1));
    let percent = 100.0 * (1.0 - miss.powi(tries));
    screen.progress(format_args!("{WORKING}: {percent:.0} %"));
}

fn refusal(args: &Register, server: &Server, reason: ServerReason) -> Failure {
    let name = &args.name;
    match reason {
        ServerReason::UsernameTaken => Failure::new(
            Exit::Exists,
            "username_taken",
            format!("the username {name} is taken on {server}; no account was made"),
            "choose another one: `xchat register NAME`",
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
            "the server {} went away: {why}; the keys are kept",
            session.server
        ),
        "type the same again when the server is there",
    )
}
