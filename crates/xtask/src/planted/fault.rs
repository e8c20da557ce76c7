//! A fault as it stands in its file.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::repository::File;

const FOLDER: &str = "testdata/planted/";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// The file's own name, without its ending.
    pub(super) name: String,
    /// The invariant of the message path, or the law, that it breaks.
    pub(super) promise: String,
    /// What is not true any more, in one sentence.
    pub(super) breaks: String,
    #[serde(rename = "edit")]
    pub(super) edits: Vec<Edit>,
    #[serde(rename = "test")]
    pub(super) tests: Vec<Test>,
}

/// One change of a source file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    pub(super) file: String,
    /// Exact text that occurs once in the file.
    pub(super) find: String,
    pub(super) replace: String,
}

/// A test that fails with the fault, and passes without.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    #[serde(rename = "crate")]
    pub(super) package: String,
    /// The crate's own unit tests, rather than its `tests/it`.
    #[serde(default)]
    pub(super) unit: bool,
    /// The whole name, as libtest prints it.
    pub(super) name: String,
    /// What its failure says: a test that fails for another reason has not found the fault.
    pub(super) says: String,
    /// Engines that it runs on.
    #[serde(default)]
    pub(super) needs: Option<String>,
    #[serde(default = "a_minute_and_a_half")]
    pub(super) limit_seconds: u64,
}

const fn a_minute_and_a_half() -> u64 {
    90
}

/// A fault and one of its tests: a line of the score.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) fault: &'a Fault,
    pub(super) test: &'a Test,
}

impl Fault {
    fn parse(file: &File) -> Result<Self> {
        let fault: Self = toml::from_str(&file.text).with_context(|| file.path.clone())?;
        let stem = file.name().trim_end_matches(".toml");
        ensure!(
            fault.name == stem,
            "{}: its name is {}",
            file.path,
            fault.name
        );
        ensure!(!fault.edits.is_empty(), "{}: it edits nothing", file.path);
        ensure!(!fault.tests.is_empty(), "{}: no test finds it", file.path);
        Ok(fault)
    }

    pub(super) fn proofs(&self) -> impl Iterator<Item = Proof<'_>> {
        self.tests.iter().map(|test| Proof { fault: self, test })
    }
}

impl Test {
    /// Whether it is the same test, whatever its failure is to say.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.package, self.unit, &self.name) == (&other.package, other.unit, &other.name)
    }

    pub(super) fn missing_engine(&self) -> Option<String> {
        let engine = self.needs.as_ref()?;
        let variable = format!("XCHAT_TEST_{}", engine.to_uppercase());
        std::env::var_os(variable).is_none().then(|| engine.clone())
    }
}

impl Proof<'_> {
    /// End-to-end tests last, for they build the most.
    pub(super) fn order(&self) -> (bool, String, bool, String) {
        let Test { package, unit, .. } = self.test;
        let last = package == "xchat-integration-tests";
        (last, package.clone(), *unit, self.fault.name.clone())
    }
}

/// All faults, in the order of their names.
pub(super) fn of(files: &[File]) -> Result<Vec<Fault>> {
    let ours = files
        .iter()
        .filter(|file| file.path.starts_with(FOLDER) && file.extension() == "toml");
    let mut faults = ours.map(Fault::parse).collect::<Result<Vec<_>>>()?;
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(faults)
}

#[cfg(test)]
pub(super) fn fault(name: &str, edits: &[(&str, &str)], test: &str) -> Fault {
    let edit = |(file, find): &(&str, &str)| Edit {
        file: (*file).to_owned(),
        find: (*find).to_owned(),
        replace: String::new(),
    };
    Fault {
        name: name.to_owned(),
        promise: "I1".to_owned(),
        breaks: String::new(),
        edits: edits.iter().map(edit).collect(),
        tests: vec![Test {
            package: "xchat-x".to_owned(),
            unit: false,
            name: test.to_owned(),
            says: "what is broken".to_owned(),
            needs: None,
            limit_seconds: 1,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        name = "loses-all"
        promise = "I1"
        breaks = "Something is kept."
        [[edit]]
        file = "a.rs"
        find = "keep()"
        replace = ""
        [[test]]
        crate = "xchat-a"
        name = "it_keeps"
        says = "lost"
    "#;

    fn parsed(path: &str, text: &str) -> Result<Fault> {
        Fault::parse(&File {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_fault_is_read_from_the_file_of_its_name() {
        let fault = parsed("testdata/planted/loses-all.toml", TEXT).unwrap();
        assert_eq!(fault.tests[0].limit_seconds, 90);
        assert!(parsed("testdata/planted/other.toml", TEXT).is_err());
    }

    #[test]
    fn a_fault_without_edit_or_test_and_one_with_unknown_keys_are_refused() {
        for (from, to) in [
            ("[[edit]]", "[[test]]"),
            ("says", "said"),
            ("promise", "prom"),
        ] {
            let text = TEXT.replace(from, to);
            assert!(parsed("testdata/planted/loses-all.toml", &text).is_err());
        }
    }
}
