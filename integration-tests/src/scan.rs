//! Searches every file below a folder for bytes that must not be there.

use std::{fs, path::Path};

/// Paths of files that contain one of the words, with the word.
pub fn find(folder: &Path, words: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)
            .expect("a folder")
            .filter_map(Result::ok)
        {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Sockets and files that went away meanwhile hold nothing.
            let Ok(bytes) = fs::read(&path) else { continue };
            for word in words
                .iter()
                .filter(|word| contains(&bytes, word.as_bytes()))
            {
                found.push((path.display().to_string(), word.clone()));
            }
        }
    }
    found
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
