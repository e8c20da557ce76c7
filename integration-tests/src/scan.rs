//! Searches every file below a folder for bytes that must not be there: with grep, which knows
//! nothing of this code.

use std::{io::Write as _, path::Path, process::Command};

/// Files that contain one of the words.
pub fn find(folder: &Path, words: &[impl AsRef<[u8]>]) -> Vec<String> {
    let mut list = tempfile::NamedTempFile::new().expect("a temporary file");
    for word in words {
        let line = [word.as_ref(), b"\n"].concat();
        list.write_all(&line).expect("a list of words");
    }
    let output = Command::new("grep")
        .args([
            "--recursive",
            "--files-with-matches",
            "--text",
            "--fixed-strings",
            "--file",
        ])
        .args([list.path(), folder])
        .env("LC_ALL", "C")
        .output()
        .expect("grep");
    // 1: nothing found. Anything else is no answer.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "grep: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}
