//! What the types of the settings say about themselves, as JSON Schema (draft 2020-12).

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Section;

/// The schema of a whole configuration.
pub fn schema<C: Section>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    settings
        .into_generator()
        .into_root_schema_for::<C>()
        .to_value()
}

/// The schema of one key.
pub(super) fn at<'a>(schema: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut node = schema;
    for name in path {
        node = present(node).get("properties")?.get(name)?;
    }
    Some(node)
}

/// The documentation of a key, as its doc comment has it.
pub(super) fn description(schema: &Value) -> Option<&str> {
    schema.get("description")?.as_str()
}

pub(super) fn is_secret(schema: &Value) -> bool {
    present(schema).get("writeOnly") == Some(&Value::Bool(true))
}

/// What a key allows, in words.
pub(super) fn allowed(schema: &Value) -> Option<String> {
    let schema = present(schema);
    if let Some(text) = schema.get("x-allowed").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    if let Some(names) = variants(schema) {
        return Some(match names.as_slice() {
            [only] => only.clone(),
            several => format!("one of {}", several.join(", ")),
        });
    }
    match type_name(schema)? {
        "boolean" => Some("true or false".to_owned()),
        "integer" => Some(integer(schema)),
        "number" => Some("a number".to_owned()),
        "string" => Some("text in quotes".to_owned()),
        "array" => {
            let item = schema.get("items").and_then(allowed);
            Some(item.map_or("a list".to_owned(), |item| {
                format!("a list, each of it {item}")
            }))
        }
        _ => None,
    }
}

/// The schema of the value behind an `Option`.
fn present(schema: &Value) -> &Value {
    let any_of = schema.get("anyOf").and_then(Value::as_array);
    any_of
        .and_then(|list| list.iter().find(|one| type_name(one) != Some("null")))
        .unwrap_or(schema)
}

fn type_name(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::Array(list) => list.iter().filter_map(Value::as_str).find(|t| *t != "null"),
        Value::String(name) => Some(name),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn variants(schema: &Value) -> Option<Vec<String>> {
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return Some(
            list.iter()
                .filter(|v| !v.is_null())
                .map(Value::to_string)
                .collect(),
        );
    }
    let list = schema.get("oneOf")?.as_array()?;
    list.iter()
        .map(|one| one.get("const").map(Value::to_string))
        .collect()
}

fn integer(schema: &Value) -> String {
    let bound = |name| schema.get(name).and_then(Value::as_i64);
    let (narrow_min, narrow_max) = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => (Some(0), Some(i64::from(u8::MAX))),
        Some("uint16") => (Some(0), Some(i64::from(u16::MAX))),
        Some("uint32") => (Some(0), Some(i64::from(u32::MAX))),
        Some("uint" | "uint64") => (Some(0), None),
        _ => (None, None),
    };
    match (
        bound("minimum").max(narrow_min),
        bound("maximum").into_iter().chain(narrow_max).min(),
    ) {
        (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
        (Some(min), None) => format!("a whole number from {min}"),
        (None, _) => "a whole number".to_owned(),
    }
}
