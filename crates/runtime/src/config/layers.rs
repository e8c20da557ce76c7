//! Where settings come from.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Mistakes, mistake::Mistake};

const PREFIX: &str = "XCHAT__";

/// Who set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag(&'static str),
}

impl Origin {
    pub(super) fn line(&self) -> usize {
        match self {
            Self::File { line, .. } => *line,
            Self::Default | Self::Environment(_) | Self::Flag(_) => 0,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A command-line flag that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// As typed, with its dashes.
    pub name: &'static str,
    /// Dotted key.
    pub key: &'static str,
    pub value: String,
}

/// The layers above the defaults, lowest first.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// The file and its text.
    pub file: Option<(PathBuf, String)>,
    /// Names and values; names without the prefix are ignored.
    pub environment: Vec<(String, String)>,
    pub flags: Vec<Flag>,
}

impl Layers {
    /// The process's own environment. Names and values that are not UTF-8 are left out.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment for settings"
    )]
    pub fn process_environment() -> Vec<(String, String)> {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }
}

/// A value as its layer has it.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    Typed(Value),
    /// From the environment or a flag: means what the key's type makes of it.
    Text(String),
}

/// One key that a layer sets.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) path: Vec<String>,
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}

impl Setting {
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }
}

/// All settings in the order in which they override each other. `shape` is the tree of the
/// defaults: it tells sections from values. The flag is false when the file could not be read.
pub(super) fn settings(
    layers: Layers,
    shape: &Value,
    mistakes: &mut Mistakes,
) -> (Vec<Setting>, bool) {
    let mut settings = Vec::new();
    let mut whole = true;
    if let Some((path, text)) = layers.file {
        whole = read_file(&path, &text, shape, &mut settings, mistakes);
    }
    for (name, value) in layers.environment {
        if let Some(key) = name.strip_prefix(PREFIX) {
            settings.push(Setting {
                path: key.to_lowercase().split("__").map(str::to_owned).collect(),
                raw: Raw::Text(value),
                origin: Origin::Environment(name),
            });
        }
    }
    for flag in layers.flags {
        settings.push(Setting {
            path: flag.key.split('.').map(str::to_owned).collect(),
            raw: Raw::Text(flag.value),
            origin: Origin::Flag(flag.name),
        });
    }
    (settings, whole)
}

fn read_file(
    path: &Path,
    text: &str,
    shape: &Value,
    settings: &mut Vec<Setting>,
    mistakes: &mut Mistakes,
) -> bool {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        mistakes.push(Mistake {
            key: String::new(),
            value: None,
            what: format!("not TOML: {}", error.message()),
            origin: origin(path, line),
            allowed: None,
        });
    }
    let Ok(values) = toml::from_str::<Value>(text) else {
        return false;
    };
    let file = File { path, text };
    file.walk(table.get_ref(), &values, shape, &mut Vec::new(), settings);
    errors.is_empty()
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    /// Walks the spans (for the lines) and the values of the same text side by side.
    fn walk(
        &self,
        table: &DeTable<'_>,
        values: &Value,
        shape: &Value,
        path: &mut Vec<String>,
        settings: &mut Vec<Setting>,
    ) {
        for (key, spanned) in table {
            let name = key.get_ref().as_ref();
            let (Some(value), known) = (values.get(name), shape.get(name)) else {
                continue;
            };
            path.push(name.to_owned());
            match (spanned.get_ref(), known) {
                (DeValue::Table(inner), Some(section @ Value::Object(_))) => {
                    self.walk(inner, value, section, path, settings);
                }
                _ => settings.push(Setting {
                    path: path.clone(),
                    raw: Raw::Typed(value.clone()),
                    origin: origin(self.path, line_of(self.text, key.span().start)),
                }),
            }
            path.pop();
        }
    }
}

fn origin(path: &Path, line: usize) -> Origin {
    Origin::File {
        path: path.to_owned(),
        line,
    }
}

fn line_of(text: &str, position: usize) -> usize {
    let before = text.as_bytes().iter().take(position);
    before.filter(|byte| **byte == b'\n').count() + 1
}
