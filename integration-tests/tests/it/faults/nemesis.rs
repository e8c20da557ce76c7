//! Who does it: to processes of the fleet by signals, to engines through `stack.sh`.

use std::{
    fmt,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

use xchat_integration_tests::House;

#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// `kill -9` of a process, which is started again.
    Kill(&'static str),
    /// SIGSTOP, SIGCONT.
    Stop(&'static str),
    /// The same of an engine's node.
    KillNode(&'static str),
    StopNode(&'static str),
    /// Redis forgets everything.
    FlushEverySecond,
    /// A worker is away for longer than its session, comes back, and so on.
    Rebalances,
    /// `kill -9` of all processes at once.
    KillAll,
    /// To compare with.
    Nothing,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(name) | Self::KillNode(name) => write!(f, "`kill -9` of {name}"),
            Self::Stop(name) | Self::StopNode(name) => write!(f, "SIGSTOP of {name}"),
            Self::FlushEverySecond => f.write_str("Redis `FLUSHALL` every second"),
            Self::Rebalances => f.write_str("a rebalance every few seconds"),
            Self::KillAll => f.write_str("`kill -9` of all six processes"),
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// Longer than `backends.kafka.session`.
const AWAY: Duration = Duration::from_secs(8);
const BACK: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(super) struct Nemesis {
    stack: String,
    /// `host:port` of each Redis.
    redis: Vec<String>,
}

#[allow(clippy::disallowed_methods, reason = "the stack tells tests so")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: see make test-faults"))
}

impl Nemesis {
    pub(super) fn of_the_stack() -> Self {
        let redis = told("XCHAT_TEST_REDIS_CLUSTER");
        let redis = redis
            .split(',')
            .map(|url| url.trim_start_matches("redis://").to_owned());
        Self {
            stack: told("XCHAT_TEST_STACK"),
            redis: redis.collect(),
        }
    }

    /// Returns when the fault is over.
    pub(super) async fn befall(&self, act: Act, lasting: Duration, house: &mut House) {
        let end = Instant::now() + lasting;
        match act {
            Act::Kill(name) => {
                house.kill_one(name);
                tokio::time::sleep(lasting).await;
                house.start_one(name);
            }
            Act::Stop(name) => {
                house.pause(name);
                tokio::time::sleep(lasting).await;
                house.resume(name);
            }
            Act::KillNode(name) => {
                self.stack("kill", name);
                tokio::time::sleep(lasting).await;
                self.stack("start", name);
            }
            Act::StopNode(name) => {
                self.stack("pause", name);
                tokio::time::sleep(lasting).await;
                self.stack("resume", name);
            }
            Act::FlushEverySecond => {
                while Instant::now() < end {
                    self.flush();
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
            Act::Rebalances => {
                while Instant::now() < end {
                    house.kill_one("fanout-2");
                    tokio::time::sleep(AWAY).await;
                    house.start_one("fanout-2");
                    tokio::time::sleep(BACK).await;
                }
            }
            Act::KillAll => {
                house.kill();
                tokio::time::sleep(lasting).await;
                house.start_again();
            }
            Act::Nothing => tokio::time::sleep(lasting).await,
        }
    }

    fn stack(&self, command: &str, node: &str) {
        let done = Command::new(&self.stack).args([command, node]).output();
        let done = done.expect("stack.sh");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "stack.sh {command} {node}: {said}");
    }

    /// A replica refuses, and is told by its master.
    fn flush(&self) {
        for server in &self.redis {
            let mut stream = TcpStream::connect(server).expect("a Redis");
            stream.write_all(b"FLUSHALL\r\n").expect("a request");
            let mut answer = [0; 16];
            let read = stream.read(&mut answer).expect("an answer");
            assert!(read > 0, "{server} closes");
        }
    }
}
