//! Passes test output through and ends with one line that sums it: `N passed, N failed`.

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use anyhow::Result;

#[derive(Debug, Default, PartialEq, Eq)]
struct Sum {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Sum {
    /// Reads a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`. What keeps libtest
    /// from writing it, a test binary that died or does not build, counts as one failure.
    fn add(&mut self, line: &str) {
        if line.contains("process didn't exit successfully: `")
            || line.contains("error: could not compile `")
        {
            self.failed += 1;
        }
        let Some(result) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        let (_, counts) = result.split_once(". ").unwrap_or(("", result));
        for count in counts.split(';') {
            let mut words = count.split_whitespace();
            let (Some(number), Some(what)) = (words.next(), words.next()) else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }

    fn line(&self) -> String {
        let Self {
            passed,
            failed,
            ignored,
        } = self;
        match ignored {
            0 => format!("{passed} passed, {failed} failed"),
            _ => format!("{passed} passed, {failed} failed, {ignored} skipped"),
        }
    }

    /// No test at all is a failure too: something did not build, or was not found.
    fn good(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

/// Fails where a test failed or none ran. That the runner itself failed is for the caller to see:
/// `pipefail`.
pub(crate) fn run() -> Result<ExitCode> {
    let sum = pass_through(io::stdin().lock(), io::stdout().lock())?;
    Ok(if sum.good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Line by line, so that a person sees progress; bytes that are no UTF-8 pass unchanged.
fn pass_through(mut input: impl BufRead, mut output: impl Write) -> Result<Sum> {
    let mut sum = Sum::default();
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        sum.add(&String::from_utf8_lossy(&line));
        output.write_all(&line)?;
        output.flush()?;
        line.clear();
    }
    writeln!(output, "{}", sum.line())?;
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summed(input: &[u8]) -> (Sum, Vec<u8>) {
        let mut output = Vec::new();
        let sum = pass_through(input, &mut output).unwrap();
        (sum, output)
    }

    #[test]
    fn results_of_several_binaries_are_summed_in_the_last_line() {
        let (sum, output) = summed(
            b"test a::b ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert!(!sum.good());
        let output = String::from_utf8(output).unwrap();
        assert_eq!(output.lines().last(), Some("5 passed, 1 failed, 1 skipped"));
        assert!(output.starts_with("test a::b ... ok\n"));
    }

    #[test]
    fn without_skipped_tests_the_line_has_two_numbers() {
        let (sum, output) = summed(b"test result: ok. 7 passed; 0 failed; 0 ignored\n");
        assert!(sum.good());
        assert!(output.ends_with(b"\n7 passed, 0 failed\n"));
    }

    #[test]
    fn no_test_at_all_is_no_success() {
        let (sum, output) = summed(b"nothing\n");
        assert!(!sum.good());
        assert!(output.ends_with(b"0 passed, 0 failed\n"));
    }

    #[test]
    fn a_binary_that_does_not_build_or_dies_is_a_failure() {
        for line in [
            "error: could not compile `xchat-core` (lib test) due to 1 previous error",
            "  process didn't exit successfully: `/t/it-0` (signal: 6, SIGABRT: process abort signal)",
        ] {
            let (sum, output) = summed(format!("{line}\n").as_bytes());
            assert!(!sum.good());
            assert!(output.ends_with(b"\n0 passed, 1 failed\n"), "{line}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_pass_unchanged() {
        let (_, output) = summed(b"\xff\xfe\n");
        assert!(output.starts_with(b"\xff\xfe\n"));
    }
}
