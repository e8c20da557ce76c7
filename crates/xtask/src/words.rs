//! What a committed file must not hold: paths of a machine, registry hosts, catch-all names.

use anyhow::Result;

use crate::repository::{self, File};

/// Written in two parts, so that this file passes its own check.
fn forbidden() -> Vec<String> {
    let join = |a: &str, b: &str| format!("{a}{b}");
    vec![
        join("/ro", "ot/"),
        join("/wo", "rk/"),
        join("index.cra", "tes.io"),
        join("registry.np", "mjs.org"),
        join("static.cra", "tes.io"),
    ]
}

const CATCH_ALL: &[&str] = &[
    "utils", "util", "helpers", "helper", "common", "misc", "mod",
];

pub(crate) fn check() -> Result<Vec<String>> {
    Ok(findings(&repository::files()?))
}

fn findings(files: &[File]) -> Vec<String> {
    let forbidden = forbidden();
    let mut found = Vec::new();
    for file in files {
        let stem = file
            .name()
            .strip_suffix(".rs")
            .or(file.name().strip_suffix(".ts"));
        if stem.is_some_and(|stem| CATCH_ALL.contains(&stem)) {
            found.push(format!("words: {} is a name that says nothing", file.path));
        }
        for (number, line) in file.text.lines().enumerate() {
            for word in forbidden.iter().filter(|word| line.contains(word.as_str())) {
                found.push(format!("words: {}:{}: {word}", file.path, number + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_paths_hosts_and_empty_names_are_found() {
        let file = |path: &str, text: String| File {
            path: path.to_owned(),
            text,
        };
        let bad = forbidden();
        let files = [
            file("x/utils.rs", String::new()),
            file("x/mod.rs", String::new()),
            file("y.md", format!("fine\nsee {}here", bad[0])),
            file("z.lock", bad[1].clone()),
            file("fine.rs", "nothing".to_owned()),
        ];
        assert_eq!(findings(&files).len(), 4);
    }
}
