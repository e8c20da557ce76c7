//! The score: one line a fault and test, and one that sums them.

use std::collections::BTreeMap;

use super::{fault::Proof, proof::Verdict};

/// What came of each proof.
pub(super) type Score<'a> = [(Proof<'a>, Verdict)];

/// The table, what is to be looked at below it, and the sum in the last line.
pub(super) fn print(score: &Score<'_>) {
    let rows: Vec<_> = score.iter().map(row).collect();
    let widths = rows.iter().fold([0; 3], |[fault, promise, test], row| {
        let [name, broken, found_by, _] = row.each_ref().map(|cell| cell.chars().count());
        [fault.max(name), promise.max(broken), test.max(found_by)]
    });
    let [fault, promise, test] = widths;
    for [name, broken, found_by, verdict] in &rows {
        println!("{name:fault$}  {broken:promise$}  {found_by:test$}  {verdict}");
    }
    for (proof, verdict) in score {
        if let Some(why) = why(verdict) {
            println!("\n{} ({}):\n{why}", proof.fault.name, proof.fault.breaks);
        }
    }
    println!("{}", sum(score));
}

fn row((proof, verdict): &(Proof<'_>, Verdict)) -> [String; 4] {
    let name = proof.test.package.trim_start_matches("xchat-");
    [
        proof.fault.name.clone(),
        proof.fault.promise.clone(),
        format!("{name} {}", proof.test.name),
        word(verdict),
    ]
}

pub(super) fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Found => "found".to_owned(),
        Verdict::NotFound => "not found".to_owned(),
        Verdict::FoundOther(_) => "fails, and does not say it".to_owned(),
        Verdict::Stale(_) => "stale".to_owned(),
        Verdict::DoesNotCompile(_) => "does not compile".to_owned(),
        Verdict::NotRun => "no such test".to_owned(),
        Verdict::Died(_) => "died".to_owned(),
        Verdict::TimedOut => "timed out".to_owned(),
        Verdict::Needs(engine) => format!("needs {engine}"),
        Verdict::Unhealthy(healthy) => format!("without the fault: {}", word(healthy)),
    }
}

fn why(verdict: &Verdict) -> Option<&str> {
    match verdict {
        Verdict::FoundOther(why)
        | Verdict::Stale(why)
        | Verdict::DoesNotCompile(why)
        | Verdict::Died(why) => Some(why),
        Verdict::Unhealthy(healthy) => self::why(healthy),
        Verdict::Found
        | Verdict::NotFound
        | Verdict::NotRun
        | Verdict::TimedOut
        | Verdict::Needs(_) => None,
    }
}

/// A fault is found if each of its tests that could be run found it.
fn found(score: &Score<'_>) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for (proof, verdict) in score {
        if !matches!(verdict, Verdict::Needs(_)) {
            let all = found.entry(proof.fault.name.clone()).or_insert(true);
            *all &= *verdict == Verdict::Found;
        }
    }
    found
}

fn sum(score: &Score<'_>) -> String {
    let counted = found(score);
    let found = counted.values().filter(|found| **found).count();
    let needs = |(_, verdict): &&(Proof<'_>, Verdict)| matches!(verdict, Verdict::Needs(_));
    let sum = format!("planted: {found} of {} found", counted.len());
    match score.iter().filter(needs).count() {
        0 => sum,
        unproven => format!("{sum}; not run for want of an engine: {unproven}"),
    }
}

/// Whether every fault was found, and there was one.
pub(super) fn is_full(score: &Score<'_>) -> bool {
    let counted = found(score);
    !counted.is_empty() && counted.values().all(|found| *found)
}

#[cfg(test)]
mod tests {
    use super::{super::fault::fault, *};

    #[test]
    fn a_fault_counts_once_and_only_if_all_its_tests_find_it() {
        let (one, two) = (fault("one", &[], "a"), fault("two", &[], "b"));
        let proof = |of| Proof {
            fault: of,
            test: &one.tests[0],
        };
        let mut score = vec![
            (proof(&one), Verdict::Found),
            (proof(&one), Verdict::Found),
            (proof(&two), Verdict::Found),
        ];
        assert!(is_full(&score));
        assert_eq!(sum(&score), "planted: 2 of 2 found");
        score[1].1 = Verdict::NotFound;
        assert!(!is_full(&score));
        assert_eq!(sum(&score), "planted: 1 of 2 found");
    }

    #[test]
    fn what_needs_an_engine_counts_neither_way() {
        let one = fault("one", &[], "a");
        let proof = Proof {
            fault: &one,
            test: &one.tests[0],
        };
        let needs = (proof, Verdict::Needs("scylla".to_owned()));
        assert!(!is_full(std::slice::from_ref(&needs)), "nothing was proven");
        let score = [(proof, Verdict::Found), needs];
        assert!(is_full(&score));
        let line = "planted: 1 of 1 found; not run for want of an engine: 1";
        assert_eq!(sum(&score), line);
    }

    #[test]
    fn every_other_verdict_is_a_failure() {
        let one = fault("one", &[], "a");
        let proof = Proof {
            fault: &one,
            test: &one.tests[0],
        };
        for verdict in [
            Verdict::NotFound,
            Verdict::FoundOther(String::new()),
            Verdict::Stale(String::new()),
            Verdict::DoesNotCompile(String::new()),
            Verdict::NotRun,
            Verdict::Died(String::new()),
            Verdict::TimedOut,
            Verdict::Unhealthy(Box::new(Verdict::Found)),
        ] {
            assert!(!is_full(&[(proof, verdict)]));
        }
    }
}
