//! Committed outputs. `XCHAT_UPDATE_GOLDEN=1` writes them anew, to be read before they are
//! committed.

use std::{fs, path::PathBuf};

/// Compares with a file below the root of the repository.
#[track_caller]
pub(crate) fn check(file: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(file);
    if std::env::var_os("XCHAT_UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{file} is not what the program writes now (XCHAT_UPDATE_GOLDEN=1 updates it):\n{actual}"
    );
}
