//! Writes `testdata/crypto/*.json` anew: `cargo run -p xchat-crypto --example vectors`.
//!
//! A changed vector is a changed format: say so in the CHANGELOG and in an ADR.
#![allow(clippy::expect_used, reason = "the vectors are constants")]

use std::{fs, io, path::Path};

use serde_json::json;

#[path = "../tests/it/vectors.rs"]
mod vectors;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/crypto");
    fs::create_dir_all(&folder)?;
    for (name, cases) in vectors::all() {
        let text = serde_json::to_string_pretty(&json!({ "cases": cases }))?;
        fs::write(folder.join(name).with_extension("json"), text + "\n")?;
    }
    Ok(())
}
