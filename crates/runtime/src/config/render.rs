//! Configurations as text: what is in force, and an example to start from.

use serde_json::{Map, Value};

use super::{Loaded, Section, schema};

/// The configuration in force as TOML, each value with who set it; secrets are not shown.
pub fn print<C: Section>(loaded: &Loaded<C>) -> String {
    let tree = serde_json::to_value(&loaded.config).unwrap_or_default();
    let mut lines = Lines::default();
    sections(&tree, &mut Vec::new(), &mut |path, section| {
        lines.heading("", path);
        for (name, value) in leaves(section) {
            let origin = loaded.origins.get(&join(path, name));
            let origin = origin.map_or("default".to_owned(), ToString::to_string);
            lines.push(if value.is_null() {
                format!("#{name} =   # not set")
            } else {
                format!("{name} = {}   # {origin}", toml_value(value))
            });
        }
    });
    lines.into_text()
}

/// A file with every setting, its documentation and its default. Settings are commented out by a
/// lone `#`, documentation by `# `.
pub fn example<C: Section>(introduction: &str) -> String {
    let tree = serde_json::to_value(C::default()).unwrap_or_default();
    let schema = schema::schema::<C>();
    let documentation = |path: &[String]| {
        let node = schema::at(&schema, path);
        node.and_then(schema::description).unwrap_or_default()
    };
    let mut lines = Lines::default();
    lines.comment(introduction);
    sections(&tree, &mut Vec::new(), &mut |path, section| {
        lines.heading(documentation(path), path);
        for (name, value) in leaves(section) {
            let mut full = path.to_vec();
            full.push(name.clone());
            lines.blank();
            lines.comment(documentation(&full));
            if value.is_null() {
                let allowed = schema::at(&schema, &full).and_then(schema::allowed);
                let allowed = allowed.unwrap_or_else(|| "a value".to_owned());
                lines.comment(&format!("Not set by default. Allowed: {allowed}."));
                lines.push(format!("#{name} ="));
            } else {
                lines.push(format!("#{name} = {}", toml_value(value)));
            }
        }
    });
    lines.into_text()
}

#[derive(Debug, Default)]
struct Lines(Vec<String>);

impl Lines {
    fn push(&mut self, line: String) {
        self.0.push(line);
    }

    fn blank(&mut self) {
        if !self.0.is_empty() {
            self.push(String::new());
        }
    }

    fn comment(&mut self, words: &str) {
        for line in words.lines() {
            self.push(format!("# {line}").trim_end().to_owned());
        }
    }

    /// The head of a table with its documentation; the root has none.
    fn heading(&mut self, documentation: &str, path: &[String]) {
        if !path.is_empty() {
            self.blank();
            self.comment(documentation);
            self.push(format!("[{}]", path.join(".")));
        }
    }

    fn into_text(self) -> String {
        let mut text = self.0.join("\n");
        text.push('\n');
        text
    }
}

/// Visits a tree's tables in the order of a TOML file: a table's own values before its tables.
fn sections<F: FnMut(&[String], &Map<String, Value>)>(
    tree: &Value,
    path: &mut Vec<String>,
    visit: &mut F,
) {
    let Value::Object(map) = tree else { return };
    if path.is_empty() || leaves(map).next().is_some() {
        visit(path, map);
    }
    for (name, value) in map {
        path.push(name.clone());
        sections(value, path, visit);
        path.pop();
    }
}

fn leaves(section: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    section.iter().filter(|(_, value)| !value.is_object())
}

fn join(path: &[String], name: &str) -> String {
    let mut key = path.join(".");
    if !key.is_empty() {
        key.push('.');
    }
    key + name
}

/// One value in TOML.
pub(super) fn toml_value(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}
