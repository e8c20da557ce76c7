//! What the kernel says of a process and of itself. Linux only.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Of a tick in `/proc/PID/stat`: `USER_HZ` is 100 on every architecture we build for.
const TICK: Duration = Duration::from_millis(10);

/// A child process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts a program whose standard output is read by the caller.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        Self::spawn(command.stdin(Stdio::null()))
    }

    /// One whose standard input is written by the caller as well.
    pub(crate) fn fed(command: &mut Command) -> Result<Self> {
        Self::spawn(command.stdin(Stdio::piped()))
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.stdout(Stdio::piped()).spawn();
        child
            .map(Self)
            .with_context(|| format!("can't start {}", command.get_program().display()))
    }

    /// User and system time since its start, in steps of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        cpu(self.0.id())
    }

    /// Anonymous resident memory, bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        number_after(&self.read("status")?, "RssAnon:").map(|kib| kib * 1_024)
    }

    /// Bytes that the process caused to be sent to the disk since its start.
    pub(crate) fn written(&self) -> Result<u64> {
        number_after(&self.read("io")?, "write_bytes:")
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0.id());
        fs::read_to_string(&path).with_context(|| format!("can't read {path}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// User and system time of any process since its start, in steps of 10 ms.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("can't read {path}"))?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let field = |index: usize| -> Result<u32> {
        let text = rest.split(' ').nth(index).context("stat is short")?;
        Ok(text.parse()?)
    };
    // utime and stime are fields 14 and 15; `rest` begins with the third.
    Ok(TICK * (field(11)? + field(12)?))
}

/// The processes of this machine that listen on a port, of those that this one may look at.
pub(crate) fn listening(port: u16) -> Result<Vec<u32>> {
    let port = format!(":{port:04X}");
    let mut sockets = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // Local address, state (0A: listening) and inode.
            if let (Some(local), Some(&"0A"), Some(inode)) =
                (fields.get(1), fields.get(3), fields.get(9))
                && local.ends_with(&port)
            {
                sockets.push(format!("socket:[{inode}]"));
            }
        }
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let files = fs::read_dir(entry.path().join("fd")).into_iter().flatten();
        let mut targets = files
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok());
        let ours = |target: &[u8]| sockets.iter().any(|socket| socket.as_bytes() == target);
        if targets.any(|target| ours(target.as_os_str().as_bytes())) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// The kernel's own memory, bytes: slabs (sockets and their inodes), and TCP buffers.
pub(crate) fn kernel_memory() -> Result<u64> {
    let slab = number_after(&fs::read_to_string("/proc/meminfo")?, "Slab:")? * 1_024;
    let sockets = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockets.lines().find(|line| line.starts_with("TCP:"));
    let pages = number_after(tcp.context("no TCP in sockstat")?, " mem ")?;
    Ok(slab + pages * 4_096)
}

/// Raises the limit of open files as far as this process may, and returns it. Children inherit it.
pub(crate) fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let now = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    now.unwrap_or(u64::MAX)
}

/// Bytes of a folder's files up to their last byte that is not zero: what is preallocated and not
/// yet used does not count.
pub(crate) fn used_bytes(folder: &Path) -> Result<u64> {
    let mut used = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            used += used_bytes(&entry.path())?;
            continue;
        }
        // A file may be gone by now: stores tidy up.
        let Ok(bytes) = fs::read(entry.path()) else {
            continue;
        };
        let end = bytes.iter().rposition(|byte| *byte != 0);
        used += end.map_or(0, |index| index as u64 + 1);
    }
    Ok(used)
}

fn number_after(text: &str, name: &str) -> Result<u64> {
    let (_, rest) = text
        .split_once(name)
        .with_context(|| format!("no {name} there"))?;
    let number = rest.split_whitespace().next().context("nothing after it")?;
    Ok(number.parse()?)
}
