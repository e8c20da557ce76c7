//! Types of settings that read like a person writes.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration like `"5s"`, `"10 min"` or `"1h 30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

impl HumanDuration {
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// What is allowed, in words, for a setting's `x-allowed`.
    pub fn between(least: Duration, most: Duration) -> String {
        format!("a duration from {} to {}", Self(least), Self(most))
    }

    /// Whole milliseconds, saturating.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

impl From<Duration> for HumanDuration {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|error| format!("is not a duration: {error}"))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "is not a duration: it needs a unit")]
        enum Form {
            Text(String),
        }
        let Form::Text(text) = Form::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-allowed": "a duration like \"500ms\", \"5s\", \"10m\" or \"1h 30m\"" })
    }
}

/// A size like `"64 KiB"`, `"1 MiB"`, `"512 B"`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

impl ByteSize {
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// What is allowed, in words, for a setting's `x-allowed`.
    pub fn between(least: Self, most: Self) -> String {
        format!("a size from {least} to {most}")
    }

    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// For buffers and lengths; saturates where `usize` is narrower.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "is not a size".to_owned();
        let text = text.trim();
        let (digits, factor) = UNITS
            .iter()
            .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
            .unwrap_or((text, 1));
        let count: u64 = digits.trim().parse().map_err(|_| bad())?;
        count.checked_mul(factor).map(Self).ok_or_else(bad)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{} {unit}", self.0 / factor)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "is not a size")]
        enum Form {
            Bytes(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Bytes(count) => Ok(Self(count)),
            Form::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "x-allowed": "a size like \"512 B\", \"64 KiB\", \"1 MiB\" or \"2 GiB\", or a number of bytes" })
    }
}

/// A secret in the configuration: never printed, zeroed on drop. A section that has one offers
/// the twin `<key>_file` beside it.
#[derive(Clone, Debug)]
pub struct Secret(pub SecretString);

/// What stands for a secret wherever settings are shown.
pub(super) const REDACTED: &str = "(secret)";

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

impl Secret {
    /// The inline secret, or the first line of the file.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn resolve(
        inline: Option<&Self>,
        file: Option<&std::path::Path>,
    ) -> std::io::Result<Option<SecretString>> {
        if let Some(secret) = inline {
            return Ok(Some(SecretString::from(secret.0.expose_secret())));
        }
        let Some(path) = file else { return Ok(None) };
        let text = std::fs::read_to_string(path)?;
        Ok(Some(SecretString::from(
            text.lines().next().unwrap_or_default(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_inline_or_as_the_first_line_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "from file\n").unwrap();
        let inline = Secret(SecretString::from("inline"));
        let shown = |secret: Option<SecretString>| secret.unwrap().expose_secret().to_owned();
        let resolved = Secret::resolve(Some(&inline), Some(&file)).unwrap();
        assert_eq!(shown(resolved), "inline");
        assert_eq!(
            shown(Secret::resolve(None, Some(&file)).unwrap()),
            "from file"
        );
        assert!(Secret::resolve(None, None).unwrap().is_none());
        assert!(Secret::resolve(None, Some(dir.path())).is_err());
        assert!(!format!("{inline:?}").contains("inline"));
    }

    #[test]
    fn durations_and_sizes_read_and_print_like_a_person_writes() {
        assert_eq!("1h 30m".parse(), Ok(HumanDuration::from_secs(5_400)));
        assert_eq!(HumanDuration::from_secs(5_400).to_string(), "1h 30m");
        assert!("5".parse::<HumanDuration>().is_err());
        for (text, bytes, shown) in [
            ("64 KiB", 65_536, "64 KiB"),
            ("1MiB", 1 << 20, "1 MiB"),
            ("1500", 1_500, "1500 B"),
            ("0", 0, "0 B"),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
            assert_eq!(ByteSize(bytes).to_string(), shown);
        }
        for bad in ["", "KiB", "-1", "1.5 MiB", "99999999999999 GiB", "1 kb"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
    }
}
