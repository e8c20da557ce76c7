//! Writes the committed corpus anew after a change of format: `testdata/frames`.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/frames");
    fs::create_dir_all(&folder)?;
    for (name, bytes) in xchat_integration_tests::frames::corpus() {
        fs::write(folder.join(format!("{name}.bin")), bytes)?;
    }
    Ok(())
}
