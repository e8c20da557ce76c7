//! Runs one test of one tree, and says what that proves.

use std::{
    io::Read as _,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{
    build::{Binary, Cargo},
    fault::Test,
};

/// Only `Found` counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The test failed, and said what the fault breaks.
    Found,
    /// The test passed.
    NotFound,
    /// The test failed and said something else.
    FoundOther(String),
    /// The edits do not fit the sources.
    Stale(String),
    DoesNotCompile(String),
    /// Nothing was run: no such test, or it is ignored.
    NotRun,
    /// The test binary ended without a result.
    Died(String),
    TimedOut,
    /// An engine that is not there: neither for nor against.
    Needs(String),
    /// The test does not pass without the fault.
    Unhealthy(Box<Verdict>),
}

/// Builds and runs a test, whatever is planted.
pub(super) fn judge(cargo: &Cargo, test: &Test) -> Result<Verdict> {
    let binary = match cargo.build(test)? {
        Ok(binary) => binary,
        Err(said) => return Ok(Verdict::DoesNotCompile(said)),
    };
    let Some(output) = run(&binary, test)? else {
        return Ok(Verdict::TimedOut);
    };
    Ok(read(&output, &test.says))
}

/// What the test printed; `None` if it was still running at the end of its time.
fn run(binary: &Binary, test: &Test) -> Result<Option<String>> {
    let mut child = Command::new(&binary.program)
        .args(["--exact", &test.name])
        .current_dir(&binary.folder)
        .env("CARGO_MANIFEST_DIR", &binary.folder)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // With its servers, so that none outlives it.
        .process_group(0)
        .spawn()
        .with_context(|| binary.program.display().to_string())?;
    let mut pipe = child.stdout.take().context("a pipe")?;
    let (sender, printed) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.read_to_end(&mut bytes);
        // Whoever waited may have given up.
        let _ = sender.send(read.map(|_| bytes));
    });
    let limit = Duration::from_secs(test.limit_seconds);
    let bytes = printed.recv_timeout(limit);
    end(&mut child)?;
    bytes.map_or(Ok(None), |bytes| {
        Ok(Some(String::from_utf8_lossy(&bytes?).into_owned()))
    })
}

/// Ends the group of a test, which may have ended already.
fn end(child: &mut Child) -> Result<()> {
    let group = format!("-{}", child.id());
    Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status()
        .context("kill")?;
    child.wait()?;
    Ok(())
}

/// Reads what libtest printed of exactly one test.
fn read(output: &str, says: &str) -> Verdict {
    let result = output
        .lines()
        .find_map(|line| line.strip_prefix("test result: "));
    let Some(result) = result else {
        return Verdict::Died(tail(output));
    };
    match (count(result, "passed"), count(result, "failed")) {
        (1, 0) => Verdict::NotFound,
        (0, 1) if output.contains(says) => Verdict::Found,
        (0, 1) => Verdict::FoundOther(tail(output)),
        _ => Verdict::NotRun,
    }
}

fn count(result: &str, what: &str) -> u64 {
    result
        .split([';', '.'])
        .filter_map(|part| part.trim().split_once(' '))
        .find(|(_, of)| *of == what)
        .and_then(|(number, _)| number.parse().ok())
        .unwrap_or(0)
}

/// The end of a text, which says why.
fn tail(output: &str) -> String {
    const LINES: usize = 12;
    let lines: Vec<_> = output.lines().filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(result: &str) -> Verdict {
        let output = format!("\nrunning 1 test\nrecord 7 is lost\ntest result: {result}\n");
        read(&output, "is lost")
    }

    #[test]
    fn a_failure_that_says_what_is_broken_has_found_the_fault() {
        let failed = "FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 9 filtered out";
        assert_eq!(verdict(failed), Verdict::Found);
        let other = read(&format!("no disk\ntest result: {failed}"), "is lost");
        assert!(matches!(other, Verdict::FoundOther(why) if why.starts_with("no disk")));
    }

    #[test]
    fn a_test_that_passes_has_not_found_it() {
        let passed = "ok. 1 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out";
        assert_eq!(verdict(passed), Verdict::NotFound);
    }

    #[test]
    fn a_name_of_no_test_and_an_ignored_test_prove_nothing() {
        for ignored in [0, 1] {
            let result = format!("ok. 0 passed; 0 failed; {ignored} ignored; 0 measured");
            assert_eq!(verdict(&result), Verdict::NotRun);
        }
    }

    #[test]
    fn a_binary_that_ends_without_a_result_died() {
        let died = read("running 1 test\nis lost\n", "is lost");
        assert!(matches!(died, Verdict::Died(_)));
    }
}
