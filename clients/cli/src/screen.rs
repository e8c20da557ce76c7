//! Where output goes: data to standard output, everything else to standard error.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal as _, Write as _},
};

use serde::Serialize;

use crate::failure::Failure;

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
            progress: !dumb && io::stderr().is_terminal(),
        }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// A line for people; nothing under `--json`.
    pub(crate) fn line(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stdout(), "{text}");
        }
    }

    /// An object for programs; nothing without `--json`.
    pub(crate) fn json(self, object: &impl Serialize) {
        if self.json
            && let Ok(text) = serde_json::to_string(object)
        {
            let _ = writeln!(io::stdout(), "{text}");
        }
    }

    /// What a person should know beside the data.
    pub(crate) fn note(self, text: impl Display) {
        let text = self.notes.paint(DIM, &text);
        let _ = writeln!(io::stderr(), "{text}");
    }

    pub(crate) fn warning(self, reason: &str, text: impl Display) {
        let head = self.notes.paint(BOLD, &format_args!("warning[{reason}]:"));
        let _ = writeln!(io::stderr(), "{head} {text}");
    }

    pub(crate) fn failure(self, failure: &Failure) {
        let text = failure.to_string();
        let (head, rest) = text.split_once(' ').unwrap_or(("", &text));
        let _ = writeln!(io::stderr(), "{} {rest}", self.notes.paint(RED, &head));
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
