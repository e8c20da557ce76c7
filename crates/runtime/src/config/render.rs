//! Configurations as text: what is in force, and an example to start from.

use serde_json::{Map, Value};

use super::{Loaded, Section, schema};

/// The configuration in force as TOML, each value with who set it; secrets are not shown.
pub fn print<C: Section>(loaded: &Loaded<C>) -> String {
    let tree = serde_json::to_value(&loaded.config).unwrap_or_default();
    let mut text = String::new();
    sections(&tree, &mut Vec::new(), &mut |path, section| {
        heading(&mut text, path);
        for (name, value) in leaves(section) {
            let key = join(path, name);
            let origin = loaded
                .origins
                .get(&key)
                .map_or("default".to_owned(), ToString::to_string);
            if value.is_null() {
                text.push_str(&format!("#{name} =   # not set\n"));
            } else {
                text.push_str(&format!("{name} = {}   # {origin}\n", toml_value(value)));
            }
        }
    });
    text
}

/// A file with every setting, its documentation and its default. Settings are commented out by a
/// lone `#`, documentation by `# `.
pub fn example<C: Section>(introduction: &str) -> String {
    let tree = serde_json::to_value(C::default()).unwrap_or_default();
    let schema = schema::schema::<C>();
    let mut text = String::new();
    comment(&mut text, introduction);
    sections(&tree, &mut Vec::new(), &mut |path, section| {
        let node = schema::at(&schema, path).unwrap_or(&Value::Null);
        if !path.is_empty() {
            text.push('\n');
            comment(&mut text, schema::description(node).unwrap_or_default());
        }
        heading(&mut text, path);
        for (name, value) in leaves(section) {
            let mut full = path.to_vec();
            full.push(name.clone());
            let node = schema::at(&schema, &full).unwrap_or(&Value::Null);
            text.push('\n');
            comment(&mut text, schema::description(node).unwrap_or_default());
            if value.is_null() {
                let allowed = schema::allowed(node).unwrap_or_else(|| "a value".to_owned());
                comment(
                    &mut text,
                    &format!("Not set by default. Allowed: {allowed}."),
                );
                text.push_str(&format!("#{name} =\n"));
            } else {
                text.push_str(&format!("#{name} = {}\n", toml_value(value)));
            }
        }
    });
    text
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

fn heading(text: &mut String, path: &[String]) {
    if path.is_empty() {
        return;
    }
    if !text.is_empty() && !text.ends_with("\n\n") && !text.trim_end().ends_with('#') {
        let last_is_comment = text
            .lines()
            .last()
            .is_some_and(|line| line.starts_with("# "));
        if !last_is_comment {
            text.push('\n');
        }
    }
    text.push_str(&format!("[{}]\n", path.join(".")));
}

fn comment(text: &mut String, words: &str) {
    for line in words.lines() {
        text.push_str(&format!("# {line}\n"));
    }
}

/// One value in TOML.
pub(super) fn toml_value(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}
