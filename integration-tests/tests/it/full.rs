//! The server's disk fills up under load: a clear refusal, nothing lost, and it goes on once there
//! is room again.

use std::{
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
};

/// A small file system of its own.
struct Disk(TempDir);

impl Disk {
    /// `None` where this process may not mount.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={SIZE_MIB}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "xchat-test"])
            .arg(folder.path())
            .output();
        let mounted = mounted.is_ok_and(|done| done.status.success());
        mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room there is.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = std::fs::File::create(&path).unwrap();
        let block = vec![0x78; 64 * 1_024];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
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
#[allow(clippy::print_stdout, reason = "a skip is said")]
async fn a_full_disk_under_load_is_refused_clearly_and_loses_nothing() {
    let Some(disk) = Disk::mount() else {
        println!("skipped: this process may not mount a tmpfs");
        return;
    };
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
