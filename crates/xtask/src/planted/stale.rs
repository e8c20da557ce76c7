//! Faults that do not fit the sources any more, or whose tests' words prove nothing, found without
//! compiling.

use super::fault::{Edit, Fault, Test};
use crate::repository::File;

/// Shorter words stand in too much of what a failing test prints.
const LEAST_SAID: usize = 6;

/// What libtest and the macros of the standard library print whatever is wrong.
const BOILERPLATE: &str = "\
running 1 test
test  ... FAILED
failures:
---- stdout ----
thread '' () panicked at src/lib.rs:1:1:
assertion `left == right` failed:\x20
assertion `left != right` failed:\x20
  left:\x20
 right:\x20
assertion failed:\x20
called `Result::unwrap()` on an `Err` value:\x20
called `Result::unwrap_err()` on an `Ok` value:\x20
called `Option::unwrap()` on a `None` value
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
stack backtrace:
test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
error: test failed, to rerun pass
";

/// One line a fault whose text is gone or ambiguous, or whose test is, or that any failure finds.
pub(super) fn findings(faults: &[Fault], files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for fault in faults {
        let edits = fault.edits.iter().filter_map(|edit| misfit(edit, files));
        let tests = fault.tests.iter().filter_map(|test| missing(test, files));
        for why in edits.chain(tests) {
            found.push(format!("planted: {} is stale: {why}", fault.name));
        }
        for why in fault.tests.iter().filter_map(vague) {
            found.push(format!("planted: {} proves nothing: {why}", fault.name));
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

/// Words that a test prints whatever its failure is: its name stands in it anyhow.
fn vague(test: &Test) -> Option<String> {
    let Test { name, says, .. } = test;
    let why = if says.trim().len() < LEAST_SAID {
        "is too short"
    } else if name.contains(says.trim()) {
        "stands in its name"
    } else if BOILERPLATE.contains(says.trim()) {
        "stands in every failure"
    } else {
        return None;
    };
    Some(format!("what {name} says {why}: {says:?}"))
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
    #[test]
    fn words_that_any_failure_says_are_refused() {
        let files = [file("a.rs", "one"), file("t.rs", "fn nothing_is_lost() {}")];
        for (says, refused) in [
            ("", true),
            ("at ", true),
            ("Lost", true),
            ("left", true),
            ("is_lost", true),
            ("nothing_is_lost", true),
            ("unwrap_err", true),
            ("panicked at", true),
            ("assertion", true),
            ("called `Result::unwrap()`", true),
            ("test result: FAILED", true),
            (" failed: ", true),
            ("record 7 is lost", false),
            ("Lost {", false),
            ("Some(0)", false),
        ] {
            let mut faults = [fault("x", &[("a.rs", "one")], "deep::nothing_is_lost")];
            faults[0].tests[0].says = says.to_owned();
            let found = findings(&faults, &files);
            assert_eq!(!found.is_empty(), refused, "{says:?}: {found:?}");
        }
    }
}
