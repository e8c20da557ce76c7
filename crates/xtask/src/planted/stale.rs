//! Faults that do not fit the sources any more, found without compiling.

use super::fault::{Edit, Fault, Test};
use crate::repository::File;

/// One line a fault whose text is gone or ambiguous, or whose test is.
pub(super) fn findings(faults: &[Fault], files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for fault in faults {
        let edits = fault.edits.iter().filter_map(|edit| misfit(edit, files));
        let tests = fault.tests.iter().filter_map(|test| missing(test, files));
        for why in edits.chain(tests) {
            found.push(format!("planted: {} is stale: {why}", fault.name));
        }
    }
    found
}

fn misfit(edit: &Edit, files: &[File]) -> Option<String> {
    let file = files.iter().find(|file| file.path == edit.file);
    file.map_or_else(
        || Some(format!("there is no {}", edit.file)),
        |file| apply(&file.text, edit).err(),
    )
}

/// The edited text, or why there is none.
pub(super) fn apply(text: &str, edit: &Edit) -> Result<String, String> {
    let times = text.matches(&edit.find).count();
    if times != 1 {
        let file = &edit.file;
        return Err(format!("what it edits stands {times} times in {file}"));
    }
    Ok(text.replacen(&edit.find, &edit.replace, 1))
}

/// A clause of a contract suite is a function too, and is named where the suite is.
fn missing(test: &Test, files: &[File]) -> Option<String> {
    let function = test.name.rsplit("::").next().unwrap_or_default();
    let defined = format!("fn {function}(");
    let there = files
        .iter()
        .any(|file| file.extension() == "rs" && file.text.contains(&defined));
    (!there).then(|| format!("there is no test {}", test.name))
}

#[cfg(test)]
mod tests {
    use super::{super::fault::fault, *};

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn an_edit_fits_text_that_stands_once() {
        let files = [file("a.rs", "one two two"), file("t.rs", "fn finds() {}")];
        for (path, find, fits) in [
            ("a.rs", "one", true),
            ("a.rs", "two", false),
            ("a.rs", "three", false),
            ("b.rs", "one", false),
        ] {
            let faults = [fault("x", &[(path, find)], "deep::finds")];
            assert_eq!(findings(&faults, &files).is_empty(), fits, "{path} {find}");
        }
    }

    #[test]
    fn a_test_that_is_gone_is_said() {
        let faults = [fault("x", &[("a.rs", "one")], "deep::finds")];
        let found = findings(&faults, &[file("a.rs", "one")]);
        assert_eq!(found, ["planted: x is stale: there is no test deep::finds"]);
    }
}
