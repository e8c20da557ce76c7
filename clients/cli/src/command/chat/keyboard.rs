//! What is typed, line by line, on a thread of its own: reading a terminal can't be cancelled.

use std::io::{BufRead as _, BufReader};

use tokio::sync::mpsc;

use super::Lines;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Text(String),
    /// `/accept` or `/decline`.
    Answer(bool),
    Help,
    Quit,
    Unknown(String),
}

impl Typed {
    fn parse(line: &str) -> Self {
        let line = line.trim_end_matches(['\n', '\r']);
        let Some(command) = line.strip_prefix('/') else {
            return if line.trim().is_empty() {
                Self::Nothing
            } else {
                Self::Text(line.to_owned())
            };
        };
        match command.trim_end() {
            "accept" => Self::Answer(true),
            "decline" => Self::Answer(false),
            "help" => Self::Help,
            "quit" => Self::Quit,
            _ if command.starts_with('/') => Self::Text(command.to_owned()),
            _ => Self::Unknown(crate::clean::line(line.split(' ').next().unwrap_or(line))),
        }
    }
}

/// Starts reading; the channel closes at the end of the input. The thread ends with the process,
/// or when nobody takes its next line.
pub(super) fn keyboard() -> Lines {
    let (lines, typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = BufReader::new(std::io::stdin());
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match input.read_until(b'\n', &mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = Typed::parse(&String::from_utf8_lossy(&bytes));
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_texts_unless_they_begin_with_one_slash() {
        let text = |text: &str| Typed::Text(text.to_owned());
        assert_eq!(Typed::parse("hi there\r\n"), text("hi there"));
        assert_eq!(
            Typed::parse("//etc is a folder\n"),
            text("/etc is a folder")
        );
        assert_eq!(Typed::parse("/quit\n"), Typed::Quit);
        assert_eq!(Typed::parse("/accept \n"), Typed::Answer(true));
        assert_eq!(Typed::parse("/decline"), Typed::Answer(false));
        assert_eq!(
            Typed::parse("/dance now"),
            Typed::Unknown("/dance".to_owned())
        );
        assert_eq!(Typed::parse("  \n"), Typed::Nothing);
    }
}
