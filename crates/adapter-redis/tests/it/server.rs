//! A redis-server of a test's own.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use xchat_adapter_redis::{RedisConfig, RedisRouting};
use xchat_ports::contract::engine::engine;

pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    folder: TempDir,
    settings: Vec<String>,
}

impl Server {
    /// `None`, said, where the engine's tests are skipped.
    pub(crate) async fn start() -> Option<Self> {
        engine("redis")?;
        let server = Self::launch(Vec::new());
        server.ready().await;
        Some(server)
    }

    pub(crate) fn launch(settings: Vec<String>) -> Self {
        let port = free_port();
        let folder = TempDir::new().unwrap();
        let process = launch(port, &folder, &settings);
        Self {
            process,
            port,
            folder,
            settings,
        }
    }

    pub(crate) async fn ready(&self) {
        let client = self.client();
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(error) = client.get_multiplexed_async_connection().await {
            assert!(Instant::now() < deadline, "redis-server: {error}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Runs one command on a connection of its own.
    pub(crate) async fn command(&self, words: &[&str]) -> redis::Value {
        let mut connection = self
            .client()
            .get_multiplexed_async_connection()
            .await
            .unwrap();
        let mut command = redis::Cmd::new();
        command.arg(words);
        command.query_async(&mut connection).await.unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) async fn start_again(&mut self) {
        self.relaunch();
        self.ready().await;
    }

    pub(crate) fn relaunch(&mut self) {
        self.process = launch(self.port, &self.folder, &self.settings);
    }

    pub(crate) fn routing(&self, deadline: Duration) -> RedisRouting {
        let mut config = RedisConfig::new(vec![format!("redis://127.0.0.1:{}", self.port)]);
        config.deadline = deadline;
        RedisRouting::open(&config).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn launch(port: u16, folder: &TempDir, settings: &[String]) -> Child {
    Command::new("redis-server")
        .args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--port",
            &port.to_string(),
        ])
        .arg("--dir")
        .arg(folder.path())
        .args(settings)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server: run infra/setup.sh stack")
}
