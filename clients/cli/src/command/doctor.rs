//! `xchat doctor`: looks at server, clock, profile and key, and says what to do.

use xchat_sdk::{API_VERSION, Client, Options, ProbeError, Server, ServerId, ServerInfo, Settings};

use crate::{
    args::Doctor, clean, exit::Exit, failure::Failure, json, place::Place, screen::Screen,
    session::without_number, when,
};

/// A clock that is further off gets a warning.
const CLOCK_WARN_MS: u64 = 5 * 60_000;
const CLOCK_STOP_MS: u64 = 12 * 3_600_000;

/// What one look found.
enum Finding {
    Fine(String),
    Doubtful(Failure),
    Wrong(Failure),
}

/// Prints findings and remembers the worst.
struct Report {
    screen: Screen,
    quiet: bool,
    exit: Exit,
}

pub(crate) async fn run(args: &Doctor, place: &Place, screen: Screen) -> Result<Exit, Failure> {
    let mut report = Report {
        screen,
        quiet: args.quiet,
        exit: Exit::Ok,
    };
    report.add(
        "program",
        &Finding::Fine(format!("xchat {}", env!("CARGO_PKG_VERSION"))),
    );
    let profile = match place.choose() {
        Ok(name) => Some(name),
        Err(failure) if failure.reason == "no_profile" => None,
        Err(failure) => {
            report.add("profile", &Finding::Doubtful(failure));
            None
        }
    };
    let known = profile
        .as_ref()
        .map(|name| place.home.server(name))
        .transpose();
    let server = place.server.clone();
    let server = server.or_else(|| known.ok().flatten()).unwrap_or_default();
    let told = xchat_sdk::probe(&server).await;
    report.add("server", &check_server(&server, &told));
    let told = told.ok().filter(|info| info.api_version == API_VERSION);
    if let Some(info) = &told {
        report.add("clock", &check_clock(info));
    }
    if let Some(name) = profile {
        check_profile(&mut report, place, &name, told.map(|info| info.id)).await?;
    }
    Ok(report.exit)
}

impl Report {
    fn add(&mut self, check: &'static str, finding: &Finding) {
        let (status, failure, text) = match finding {
            Finding::Fine(text) => ("ok", None, text.as_str()),
            Finding::Doubtful(failure) => ("warning", Some(failure), failure.what.as_str()),
            Finding::Wrong(failure) => ("error", Some(failure), failure.what.as_str()),
        };
        if let Finding::Wrong(failure) = finding
            && self.exit == Exit::Ok
        {
            self.exit = failure.exit;
        }
        if self.quiet {
            return;
        }
        self.screen.json(&json::Check {
            check,
            status,
            reason: failure.map(|failure| failure.reason.as_ref()),
            text,
            next: failure.map(|failure| failure.next.as_str()),
        });
        let head = self.screen.bold(format_args!("{check:<8} {status:<7}"));
        match failure {
            None => {
                self.screen.line(format_args!("{head} {text}"));
            }
            Some(failure) => {
                self.screen
                    .line(format_args!("{head} [{}] {text}", failure.reason));
                self.screen
                    .line(format_args!("         next    {}", failure.next));
            }
        }
    }
}

fn check_server(server: &Server, told: &Result<ServerInfo, ProbeError>) -> Finding {
    match told {
        Ok(info) if info.api_version != API_VERSION => Finding::Wrong(Failure::new(
            Exit::Protocol,
            "unsupported_version",
            format!(
                "{server} speaks version {} of the protocol, this program version {API_VERSION}",
                info.api_version
            ),
            "use a program and a server of the same version",
        )),
        Ok(info) => Finding::Fine(format!(
            "{server} answers: \"{}\", protocol version {}, {} ms{}",
            clean::line(&info.name),
            info.api_version,
            info.round_trip.as_millis(),
            if info.invites_only {
                ", sign-up by invite"
            } else {
                ""
            },
        )),
        Err(ProbeError::NotXchat) => Finding::Wrong(Failure::new(
            Exit::Protocol,
            "not_xchat",
            format!("what answers at {server} is no xchat server"),
            "look whether address and port are right (--server)",
        )),
        Err(error @ ProbeError::Unreachable(_)) => Finding::Wrong(Failure::new(
            Exit::Unavailable,
            "server_unreachable",
            format!("{server}: {}", without_number(&error.to_string())),
            "look whether it runs (`make run` starts one here) and whether the address is right (--server)",
        )),
    }
}

fn check_clock(info: &ServerInfo) -> Finding {
    let off = info.clock_offset_ms.unsigned_abs();
    let side = if info.clock_offset_ms < 0 {
        "behind"
    } else {
        "ahead of"
    };
    let text = format!(
        "this device's clock is {} {side} the server's",
        when::span(off)
    );
    let next = "set this device's clock right";
    if off >= CLOCK_STOP_MS {
        let text = format!("{text}: nothing is sent until it is set right");
        Finding::Wrong(Failure::new(Exit::Config, "clock_skew", text, next))
    } else if off >= CLOCK_WARN_MS {
        Finding::Doubtful(Failure::new(Exit::Config, "clock_off", text, next))
    } else {
        Finding::Fine("this device's clock agrees with the server's".to_owned())
    }
}

async fn check_profile(
    report: &mut Report,
    place: &Place,
    name: &str,
    server: Option<ServerId>,
) -> Result<(), Failure> {
    let options = Options {
        home: place.home.clone(),
        profile: name.to_owned(),
        settings: Settings::default(),
    };
    let opened = Client::open(options).await;
    let (client, _events) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let in_use = error.reason() == xchat_sdk::Reason::ProfileInUse;
            let failure = Failure::from(error);
            let finding = if in_use {
                Finding::Doubtful(failure)
            } else {
                Finding::Wrong(failure)
            };
            report.add("profile", &finding);
            return Ok(());
        }
    };
    let key = place.home.check_key(name)?;
    let profile = client.profile().await?;
    let rows = client.stats()?.rows;
    client.close().await;
    report.add("profile", &describe(name, profile.as_ref(), rows, server));
    report.add("key", &Finding::Fine(format!(
        "{} is readable by you alone; whoever gets hold of it and of the store beside it can read \
         everything in this profile and speak as this device",
        key.display()
    )));
    Ok(())
}

fn describe(
    name: &str,
    profile: Option<&xchat_sdk::Profile>,
    rows: u64,
    server: Option<ServerId>,
) -> Finding {
    let Some(profile) = profile.filter(|profile| profile.registered) else {
        return Finding::Doubtful(crate::reasons::not_registered());
    };
    let another = profile
        .server
        .is_some_and(|pinned| server.is_some_and(|told| told != pinned));
    if another {
        return Finding::Wrong(Failure::new(
            Exit::Config,
            "other_server",
            format!("the server that answers is not the one of profile {name}"),
            "look whether the address is right; if the server was set up anew, register again",
        ));
    }
    let username = profile
        .username
        .as_deref()
        .map_or("without a username", |name| name);
    Finding::Fine(format!(
        "{name}: account {} ({}), {rows} rows in its sealed store",
        profile.account,
        clean::line(username)
    ))
}
