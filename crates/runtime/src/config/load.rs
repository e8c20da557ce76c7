//! Merges the layers and finds every mistake in them.
//!
//! serde stops at the first mistake, so each key is deserialised by itself: put alone into the
//! tree of the defaults, which is known to be good.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Layers, Mistakes, Origin, Section,
    layers::{Raw, Setting, settings},
    mistake::Mistake,
    render::toml_value,
    schema,
    value::REDACTED,
};

/// A configuration without mistakes, and who set what.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    pub config: C,
    /// By dotted key; what is not here is a default.
    pub origins: BTreeMap<String, Origin>,
}

/// Merges and checks.
///
/// # Errors
/// All mistakes there are: unknown keys, wrong types, and what the sections' own checks find.
pub fn load<C: Section>(layers: Layers) -> Result<Loaded<C>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let shape = serde_json::to_value(C::default()).unwrap_or_else(|_| Value::Object(Map::new()));
    let schema = schema::schema::<C>();
    let mut tree = shape.clone();
    let mut origins = BTreeMap::new();
    let (settings, whole) = settings(layers, &shape, &mut mistakes);
    for setting in settings {
        let key = setting.key();
        match accept::<C>(&setting, &shape) {
            Ok(value) => {
                put(&mut tree, &setting.path, value);
                origins.insert(key, setting.origin);
            }
            Err(refusal) => mistakes.push(refusal.into_mistake(&setting, &schema)),
        }
    }
    let config = match serde_json::from_value::<C>(tree.clone()) {
        Ok(config) => config,
        Err(error) => {
            mistakes.add("", error.to_string());
            C::default()
        }
    };
    if whole {
        let mut found = Mistakes::default();
        config.check(&mut found);
        for mistake in found.as_mut_slice() {
            explain(mistake, &tree, &origins, &schema);
        }
        mistakes.absorb(found);
    }
    if mistakes.is_empty() {
        Ok(Loaded { config, origins })
    } else {
        mistakes.sort();
        Err(mistakes)
    }
}

enum Refusal {
    Unknown(Option<String>),
    IsSection,
    Value(String),
}

impl Refusal {
    fn into_mistake(self, setting: &Setting, schema: &Value) -> Mistake {
        let node = schema::at(schema, &setting.path);
        let (what, value, allowed) = match self {
            // The value is not shown: it might be a secret under a mistyped name.
            Self::Unknown(hint) => (
                "there is no such setting".to_owned(),
                None,
                hint.map(|name| format!("did you mean {name}?")),
            ),
            Self::IsSection => ("is a section, not a value".to_owned(), None, None),
            Self::Value(what) => (
                what,
                Some(shown(&setting.raw, node)),
                node.and_then(schema::allowed),
            ),
        };
        Mistake {
            key: setting.key(),
            value,
            what,
            origin: setting.origin.clone(),
            allowed,
        }
    }
}

/// Reads one setting as its key's type.
fn accept<C: Section>(setting: &Setting, shape: &Value) -> Result<Value, Refusal> {
    let mut node = shape;
    for (depth, name) in setting.path.iter().enumerate() {
        let found = node.get(name);
        node = found.ok_or_else(|| Refusal::Unknown(similar(node, &setting.path, depth)))?;
    }
    if node.is_object() {
        return Err(Refusal::IsSection);
    }
    let mut refusal = String::new();
    for candidate in candidates(&setting.raw) {
        let mut tree = shape.clone();
        put(&mut tree, &setting.path, candidate.clone());
        match serde_json::from_value::<C>(tree) {
            Ok(_) => return Ok(candidate),
            // The last candidate is the most specific reading: its refusal says most.
            Err(error) => refusal = error.to_string(),
        }
    }
    Err(Refusal::Value(refusal))
}

/// Text from the environment or a flag may be meant as text, or as a number, a truth value or a
/// list in TOML.
fn candidates(raw: &Raw) -> Vec<Value> {
    match raw {
        Raw::Typed(value) => vec![value.clone()],
        Raw::Text(text) => {
            let typed = toml::from_str::<Value>(&format!("value = {text}"))
                .ok()
                .and_then(|mut table| table.get_mut("value").map(Value::take));
            let mut list = vec![Value::String(text.clone())];
            list.extend(typed);
            list
        }
    }
}

fn put(tree: &mut Value, path: &[String], value: Value) {
    let mut node = tree;
    for name in path {
        let Value::Object(map) = node else { return };
        node = map.entry(name.clone()).or_insert(Value::Null);
    }
    *node = value;
}

/// The key that was probably meant: the most similar one at this place.
fn similar(node: &Value, path: &[String], depth: usize) -> Option<String> {
    let wrong = path.get(depth)?;
    let names = node.as_object()?.keys();
    let near = names
        .map(|name| (strsim::jaro_winkler(name, wrong), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)?;
    let mut full: Vec<&str> = path.iter().take(depth).map(String::as_str).collect();
    full.push(near);
    full.extend(path.iter().skip(depth + 1).map(String::as_str));
    Some(full.join("."))
}

/// Adds value, origin and what is allowed to a mistake that a section's check found.
fn explain(
    mistake: &mut Mistake,
    tree: &Value,
    origins: &BTreeMap<String, Origin>,
    schema: &Value,
) {
    if let Some(origin) = origins.get(&mistake.key) {
        mistake.origin = origin.clone();
    }
    let path: Vec<String> = mistake.key.split('.').map(str::to_owned).collect();
    let mut value = Some(tree);
    for name in &path {
        value = value.and_then(|node| node.get(name));
    }
    let node = schema::at(schema, &path);
    debug_assert!(
        node.is_some(),
        "a check names {}, which is no setting",
        mistake.key
    );
    let value = value.filter(|value| !value.is_null() && !value.is_object());
    mistake.value = value.map(|value| shown(&Raw::Typed(value.clone()), node));
    mistake.allowed = node.and_then(schema::allowed);
}

fn shown(raw: &Raw, schema: Option<&Value>) -> String {
    if schema.is_some_and(schema::is_secret) {
        return REDACTED.to_owned();
    }
    match raw {
        Raw::Typed(value) => toml_value(value),
        Raw::Text(text) => toml_value(&Value::String(text.clone())),
    }
}
