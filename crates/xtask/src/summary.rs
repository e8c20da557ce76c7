//! Passes test output through and ends with one line that sums it: `N passed, N failed`.

use std::{
    io::{self, BufRead as _, Write as _},
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
    /// Reads a line like `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
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
}

/// Fails where a test failed or none ran; that the runner itself failed is for the caller to see.
pub(crate) fn run() -> Result<ExitCode> {
    let (mut sum, mut out) = (Sum::default(), io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        sum.add(&line);
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{}", sum.line())?;
    Ok(if sum.failed == 0 && sum.passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_are_summed() {
        let mut sum = Sum::default();
        sum.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        sum.add("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured");
        sum.add("test a::b ... ok");
        assert_eq!(
            sum,
            Sum {
                passed: 5,
                failed: 1,
                ignored: 1
            }
        );
        assert_eq!(sum.line(), "5 passed, 1 failed, 1 skipped");
    }
}
