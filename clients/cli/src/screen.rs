//! Where output goes: data to standard output, everything else to standard error.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
};

use serde::Serialize;

use crate::{failure::Failure, json};

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// How to print. A reader that went away is no mistake: what can't be written is let go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    json: bool,
    data: Style,
    notes: Style,
    progress: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Color,
}

impl Style {
    const fn color_if(wanted: bool) -> Self {
        if wanted { Self::Color } else { Self::Plain }
    }

    fn paint(self, code: &str, text: &impl Display) -> String {
        match self {
            Self::Plain => text.to_string(),
            Self::Color => format!("{code}{text}{PLAIN}"),
        }
    }
}

impl Screen {
    /// Colours only for a terminal, and not where `NO_COLOR` (no-color.org) is set.
    pub(crate) fn new(json: bool) -> Self {
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let wanted = !set("NO_COLOR") && !dumb;
        Self {
            json,
            data: Style::color_if(wanted && io::stdout().is_terminal()),
            notes: Style::color_if(wanted && io::stderr().is_terminal()),
            progress: !json && !dumb && io::stderr().is_terminal(),
        }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// A line for people; nothing under `--json`. `false`: it could not be written.
    pub(crate) fn line(self, text: impl Display) -> bool {
        self.json || print(io::stdout(), text)
    }

    /// An object for programs; nothing without `--json`. `false`: it could not be written.
    pub(crate) fn json(self, object: &impl Serialize) -> bool {
        !self.json || print_object(io::stdout(), object)
    }

    /// What a person should know beside the data.
    pub(crate) fn note(self, text: impl Display) {
        if self.json {
            notice("note", None, &text.to_string(), None, None);
        } else {
            print(io::stderr(), self.notes.paint(DIM, &text));
        }
    }

    pub(crate) fn warning(self, reason: &str, text: impl Display) {
        if self.json {
            notice("warning", Some(reason), &text.to_string(), None, None);
        } else {
            let head = self.notes.paint(BOLD, &format_args!("warning[{reason}]:"));
            print(io::stderr(), format_args!("{head} {text}"));
        }
    }

    /// A text that came back, beside what the command is about. `false`: it could not be written.
    pub(crate) fn returned(self, reason: &str, line: &str, returned: json::Returned<'_>) -> bool {
        if self.json {
            return notice("warning", Some(reason), line, None, Some(returned));
        }
        let head = self.notes.paint(BOLD, &format_args!("warning[{reason}]:"));
        print(io::stderr(), format_args!("{head} {line}"))
    }

    pub(crate) fn failure(self, failure: &Failure) -> bool {
        if self.json {
            let (reason, next) = (Some(failure.reason.as_ref()), Some(failure.next.as_str()));
            return notice("error", reason, &failure.what, next, None);
        }
        let text = failure.to_string();
        let (head, rest) = text.split_once(' ').unwrap_or(("", &text));
        print(
            io::stderr(),
            format_args!("{} {rest}", self.notes.paint(RED, &head)),
        )
    }

    /// Whether progress is shown: on a terminal only.
    pub(crate) const fn shows_progress(self) -> bool {
        self.progress
    }

    /// Replaces the line of progress that stands on a terminal; elsewhere it is left out.
    pub(crate) fn progress(self, text: impl Display) {
        if self.progress {
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
            let _ = io::stderr().flush();
        }
    }

    pub(crate) fn end_progress(self) {
        self.progress("");
    }

    pub(crate) fn bold(self, text: impl Display) -> String {
        self.data.paint(BOLD, &text)
    }

    pub(crate) fn dim(self, text: impl Display) -> String {
        self.data.paint(DIM, &text)
    }
}

fn notice(
    level: &'static str,
    reason: Option<&str>,
    message: &str,
    next: Option<&str>,
    returned: Option<json::Returned<'_>>,
) -> bool {
    let notice = json::Notice {
        level,
        reason,
        message,
        next,
        returned,
    };
    print_object(io::stderr(), &notice)
}

fn print(mut to: impl io::Write, text: impl Display) -> bool {
    writeln!(to, "{text}").is_ok()
}

fn print_object(to: impl io::Write, object: &impl Serialize) -> bool {
    serde_json::to_string(object).is_ok_and(|text| print(to, text))
}
