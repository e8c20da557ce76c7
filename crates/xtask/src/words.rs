//! What a committed file must not hold: paths of a machine, registry hosts, catch-all names.

use anyhow::Result;

use crate::repository::{self, File};

/// Starts of paths that exist on one machine only. Each is written in two parts, here and below,
/// so that this file passes its own check.
const PATHS: [&str; 4] = [
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];
const HOSTS: [&str; 3] = [
    concat!("index.cra", "tes.io"),
    concat!("static.cra", "tes.io"),
    concat!("registry.np", "mjs.org"),
];
const CATCH_ALL: [&str; 7] = [
    "common", "helper", "helpers", "misc", "mod", "util", "utils",
];

pub(crate) fn check() -> Result<Vec<String>> {
    let files = repository::files()?;
    println!("words: {} files read", files.len());
    Ok(findings(&files))
}

fn findings(files: &[File]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        let stem = file.name().split('.').next().unwrap_or_default();
        let code = matches!(file.extension(), "rs" | "ts" | "tsx" | "py" | "sh");
        if code && CATCH_ALL.contains(&stem) {
            found.push(format!("words: {} is a name that says nothing", file.path));
        }
        for (number, line) in (1..).zip(file.text.lines()) {
            let paths = PATHS.iter().filter(|path| names_path(line, path));
            let hosts = HOSTS.iter().filter(|host| line.contains(**host));
            for word in paths.chain(hosts) {
                found.push(format!("words: {}:{number}: {word}", file.path));
            }
        }
    }
    found
}

/// Whether `path` starts a path in `line`, rather than being the middle of a longer one.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-~*})".contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        findings(&[File {
            path: path.to_owned(),
            text: text.to_owned(),
        }])
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        for path in ["x/utils.rs", "x/mod.rs", "x/helpers.ts", "common.test.tsx"] {
            assert_eq!(found(path, "").len(), 1, "{path}");
        }
        assert!(found("x/common/frame.rs", "").is_empty());
        assert!(found("x/model.rs", "").is_empty());
    }

    #[test]
    fn a_machine_path_is_found_with_its_line() {
        let path = PATHS[0];
        let found = found("a.md", &format!("fine\nsee `{path}x` and \"{path}y\""));
        assert_eq!(found, [format!("words: a.md:2: {path}")]);
    }

    #[test]
    fn the_middle_of_a_longer_path_is_not_a_machine_path() {
        let path = PATHS[0];
        assert!(found("a.rs", &format!("b\"xchat{path}ed25519/v1\"")).is_empty());
    }

    #[test]
    fn a_registry_host_is_found() {
        assert_eq!(found("Cargo.lock", HOSTS[0]).len(), 1);
    }
}
