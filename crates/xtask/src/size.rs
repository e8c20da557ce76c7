//! The hard limit on a file: 600 lines of code, 400 of a .proto.

use anyhow::Result;

use crate::repository::{self, File};

/// Files that a tool writes.
const GENERATED: &[&str] = &[];

fn limit(file: &File) -> Option<usize> {
    match file.extension() {
        "rs" | "ts" | "tsx" | "py" | "sh" => Some(600),
        "proto" => Some(400),
        _ => None,
    }
}

/// Prints median and largest, returns the files above their limit.
pub(crate) fn check() -> Result<Vec<String>> {
    let files = repository::files()?;
    let mut sizes: Vec<(usize, &str)> = files
        .iter()
        .filter(|file| limit(file).is_some() && !GENERATED.contains(&file.path.as_str()))
        .map(|file| (file.lines(), file.path.as_str()))
        .collect();
    sizes.sort_unstable();
    if let (Some((median, _)), Some((largest, path))) = (sizes.get(sizes.len() / 2), sizes.last()) {
        let total: usize = sizes.iter().map(|(lines, _)| lines).sum();
        let count = sizes.len();
        println!("size: {count} files, {total} lines, median {median}, largest {largest} ({path})");
    }
    Ok(findings(&files))
}

fn findings(files: &[File]) -> Vec<String> {
    files
        .iter()
        .filter(|file| !GENERATED.contains(&file.path.as_str()))
        .filter_map(|file| {
            let (limit, lines) = (limit(file)?, file.lines());
            (lines > limit)
                .then(|| format!("size: {} has {lines} lines, {limit} allowed", file.path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, lines: usize) -> File {
        File {
            path: path.to_owned(),
            text: "x\n".repeat(lines),
        }
    }

    #[test]
    fn a_file_above_its_limit_is_found() {
        let files = [
            file("a.rs", 600),
            file("b.rs", 601),
            file("c.proto", 401),
            file("d.md", 9_999),
        ];
        let found = findings(&files);
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("b.rs") && found[1].contains("c.proto"));
    }
}
