//! The server's disk fills up under load: a clear refusal, nothing lost, and it goes on once there
//! is room again.

use std::{
    ffi::OsStr,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use xchat_integration_tests::{
    House, Shape, history,
    load::{Load, Plan},
};

use crate::SERVER;

const SIZE_MIB: usize = 160;
const PATIENCE: Duration = Duration::from_secs(40);
const REFUSED: &str = "REASON_DISK_FULL";
const PLAN: Plan = Plan {
    devices: 10,
    conversations: 5,
    rate: 150.0,
    seed: 4,
    sends_expected: false,
};

/// Set where the disk may be made.
const INSIDE: &str = "XCHAT_TEST_OWN_MOUNTS";
const NAMESPACE: [&str; 2] = ["--map-root-user", "--mount"];
const NAME: &str = "full::a_full_disk_under_load_is_refused_clearly_and_loses_nothing";

/// Whether this process has mounts of its own. If not, the test runs in another one that has, and
/// ends as that does. Needs `unshare` and leave to use it: where that is missing the test says so and
/// passes, unless `XCHAT_TEST_REQUIRE` names `unshare`.
#[allow(clippy::disallowed_methods, reason = "tests are told things so")]
fn is_inside() -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |program: &OsStr, arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(NAMESPACE).arg(program).args(arguments);
        command.env(INSIDE, "1").output()
    };
    if !unshare("true".as_ref(), &[]).is_ok_and(|done| done.status.success()) {
        let required = std::env::var_os("XCHAT_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.to_string_lossy().contains("unshare"),
            "unshare is required"
        );
        // Not by a macro: what those print is shown of failures only.
        let said = "skipped: no mount namespace can be made here\n";
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return false;
    }
    let program = std::env::current_exe().unwrap();
    let done = unshare(program.as_os_str(), &["--exact", NAME, "--nocapture"]).unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{NAME} is no test: {said}");
    false
}

/// A small file system of its own, which goes with the process's mounts.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={SIZE_MIB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "xchat-test"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success(), "a tmpfs can't be mounted");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = vec![0x78; 64 * 1_024];
        while file.write_all(&block).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}

fn refusals(load: &Load) -> usize {
    load.refusals().get(REFUSED).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_load_is_refused_clearly_and_loses_nothing() {
    if !is_inside() {
        return;
    }
    let disk = Disk::mount();
    let data = disk.path().join("data");
    let settings = [
        ("data_dir", data.to_str().unwrap()),
        ("backends__event_log__segment", "1MiB"),
        ("log__filter", "info"),
    ];
    let mut house = House::with(SERVER, Shape::OneProcess, &settings);
    let load = Load::start(house.gateways(), PLAN).await;
    assert!(load.caught_up(PATIENCE).await, "the load runs");
    for round in 0..3 {
        let before = refusals(&load);
        let filler = disk.fill();
        let full = Instant::now();
        while refusals(&load) == before {
            assert!(
                full.elapsed() < PATIENCE,
                "nobody is told that the disk is full"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if round == 2 {
            // It may also be killed meanwhile.
            house.kill();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        std::fs::remove_file(filler).unwrap();
        if round == 2 {
            house.start_again();
        }
        assert!(
            load.caught_up(PATIENCE).await,
            "it goes on once there is room"
        );
    }
    assert!(load.settled(PATIENCE).await);
    let violations = history::check(&load.finish().await);
    assert_eq!(violations, []);
}
