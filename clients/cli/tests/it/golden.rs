//! Outputs that are held: `testdata/cli/NAME.txt`, written anew when `XCHAT_WRITE_GOLDEN` is set.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use super::{
    house::{Home, House, Run},
    mask::mask,
};

/// A transcript of one home, masked.
pub(crate) struct Golden<'a> {
    name: &'static str,
    home: &'a Home,
    houses: Vec<&'a House>,
    text: String,
}

impl<'a> Golden<'a> {
    pub(crate) fn new(name: &'static str, home: &'a Home, houses: &[&'a House]) -> Self {
        Self {
            name,
            home,
            houses: houses.to_vec(),
            text: String::new(),
        }
    }

    /// Runs, notes, and checks the exit code.
    pub(crate) fn run(&mut self, arguments: &[&str], code: i32) {
        let run = self.home.run(arguments);
        self.note(&run, code);
    }

    pub(crate) fn note(&mut self, run: &Run, code: i32) {
        assert_eq!(run.code, code, "{run:#?}");
        let Run { line, out, err, .. } = run;
        writeln!(self.text, "$ {line}\n{out}{err}[exit {code}]").expect("a string");
    }

    /// Compares with what is committed.
    pub(crate) fn check(self) {
        let masked = mask(&self.text, self.home, &self.houses);
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/cli");
        let path = folder.join(format!("{}.txt", self.name));
        if env::var_os("XCHAT_WRITE_GOLDEN").is_some() {
            fs::write(&path, &masked).expect("a golden file");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == masked,
            "another output than {}: XCHAT_WRITE_GOLDEN=1 writes it anew\n--- committed\n{committed}\n--- now\n{masked}",
            path.display()
        );
    }
}
