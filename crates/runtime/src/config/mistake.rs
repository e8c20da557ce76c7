//! Mistakes in settings: collected, never thrown one by one.

use std::fmt;

use super::{Origin, Section};

/// One wrong setting, with all that is needed to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Dotted key; empty when it is about a whole layer.
    pub key: String,
    /// As given, in TOML; `None` when it must not be shown.
    pub value: Option<String>,
    pub what: String,
    pub origin: Origin,
    pub allowed: Option<String>,
}

/// Collects mistakes under the keys of the section that is being checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes {
    section: Vec<&'static str>,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// Notes a mistake; `key` is relative to the section being checked. Value, origin and what is
    /// allowed are filled in by the loader.
    pub fn add(&mut self, key: &str, what: impl Into<String>) {
        let mut path = self.section.join(".");
        if !path.is_empty() && !key.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        self.push(Mistake {
            key: path,
            value: None,
            what: what.into(),
            origin: Origin::Default,
            allowed: None,
        });
    }

    /// Checks a section under its own name.
    pub fn check<S: Section>(&mut self, section: &S) {
        self.section.push(S::NAME);
        section.check(self);
        self.section.pop();
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn as_slice(&self) -> &[Mistake] {
        &self.list
    }

    pub(super) fn push(&mut self, mistake: Mistake) {
        self.list.push(mistake);
    }

    /// Takes over what a check found about keys that have no mistake yet.
    pub(super) fn absorb(&mut self, found: Self) {
        for mistake in found.list {
            if !self.list.iter().any(|known| known.key == mistake.key) {
                self.list.push(mistake);
            }
        }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Mistake] {
        &mut self.list
    }

    pub(super) fn sort(&mut self) {
        self.list
            .sort_by(|a, b| (&a.key, a.origin.line()).cmp(&(&b.key, b.origin.line())));
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.list.len();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        write!(f, "{count} {noun} in the configuration:")?;
        for (index, mistake) in self.list.iter().enumerate() {
            write!(f, "\n  {}. {mistake}", index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.key, &self.value) {
            (key, _) if key.is_empty() => write!(f, "{}", self.what)?,
            (key, Some(value)) => write!(f, "{key} = {value}: {}", self.what)?,
            (key, None) => write!(f, "{key}: {}", self.what)?,
        }
        write!(f, "\n     from: {}", self.origin)?;
        if let Some(allowed) = &self.allowed {
            write!(f, "\n     allowed: {allowed}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
