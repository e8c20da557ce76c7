//! Lines to the brokers that are cut, slow or silent.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;
use xchat_adapter_kafka::{Config, KafkaEventLog};
use xchat_ports::{
    EventLog as _,
    contract::proxy::{Line, Proxy, Rewrite},
};
use xchat_types::{Offset, PartitionId};

use crate::{
    history::{History, in_time},
    rig::fresh,
};

const SECOND: Duration = Duration::from_secs(1);

/// A proxy before each broker. Brokers name each other's addresses, so the proxies put their own
/// there: both are `127.0.0.1` and a port as an `i32`.
struct Lines(Vec<Proxy>);

impl Lines {
    async fn before(config: &mut Config) -> Self {
        let brokers = config.brokers.split(',').map(str::trim);
        let brokers: Vec<SocketAddr> = brokers.map(|one| one.parse().unwrap()).collect();
        let (mut listeners, mut ports) = (Vec::new(), Vec::new());
        for broker in &brokers {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push((broker.port(), listener.local_addr().unwrap().port()));
            listeners.push(listener);
        }
        let rewrite: Rewrite = Arc::new(move |frame: &mut [u8]| put_ports(frame, &ports));
        let proxies: Vec<_> = std::iter::zip(listeners, brokers)
            .map(|(listener, broker)| {
                Proxy::start(listener, broker, Some(Arc::clone(&rewrite))).unwrap()
            })
            .collect();
        let addresses = proxies.iter().map(|proxy| proxy.address().to_string());
        config.brokers = addresses.collect::<Vec<_>>().join(",");
        Self(proxies)
    }

    fn set(&self, line: Line) {
        self.0.iter().for_each(|proxy| proxy.set(line));
    }

    fn cut(&self) {
        self.0.iter().for_each(Proxy::cut);
    }
}

fn put_ports(frame: &mut [u8], ports: &[(u16, u16)]) {
    const HOST: &[u8] = b"127.0.0.1";
    for at in 0..frame.len().saturating_sub(HOST.len() + 3) {
        let (host, rest) = frame[at..].split_at_mut(HOST.len());
        if host != HOST {
            continue;
        }
        let named = u32::from_be_bytes(rest[..4].try_into().unwrap());
        if let Some((_, own)) = ports.iter().find(|(port, _)| u32::from(*port) == named) {
            rest[..4].copy_from_slice(&u32::from(*own).to_be_bytes());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_lose_and_reorder_nothing() {
    let Some(mut config) = fresh() else { return };
    let lines = Lines::before(&mut config).await;
    let log = KafkaEventLog::open(config).await.unwrap();
    let mut history = History::default();
    let cutting = async {
        for _ in 0..20 {
            tokio::time::sleep(SECOND / 5).await;
            lines.cut();
        }
    };
    let (outcomes, ()) = tokio::join!(history.write(&log, 5 * SECOND), cutting);
    eprintln!("{outcomes:?}");
    assert!(outcomes.accepted > 0);
    history.check(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_was_down_is_used_again_and_every_call_ends_in_time() {
    let Some(mut config) = fresh() else { return };
    config.delivery_ms = 1_000;
    let lines = Lines::before(&mut config).await;
    let log = KafkaEventLog::open(config).await.unwrap();
    let mut history = History::default();
    history.write(&log, SECOND / 4).await;
    for line in [Line::Down, Line::Silent] {
        lines.set(line);
        let partition = PartitionId(0);
        let position = [(partition, Offset(1))];
        let (outcomes, span, committed) = tokio::join!(
            history.write(&log, 2 * SECOND),
            in_time(log.span(partition)),
            in_time(log.commit(&position)),
        );
        assert!(outcomes.accepted == 0, "{line:?}: {outcomes:?}");
        assert!(span.unwrap_err().is_retryable());
        assert!(committed.unwrap_err().is_retryable());
        lines.set(Line::Open);
        let outcomes = history.write(&log, 3 * SECOND).await;
        assert!(outcomes.accepted > 0, "after {line:?}: {outcomes:?}");
    }
    history.check(&log).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_brokers_delay_and_nothing_else() {
    let Some(mut config) = fresh() else { return };
    let lines = Lines::before(&mut config).await;
    let log = KafkaEventLog::open(config).await.unwrap();
    let mut history = History::default();
    history.write(&log, SECOND / 4).await;
    lines.set(Line::Slow(SECOND / 10));
    let outcomes = history.write(&log, 2 * SECOND).await;
    assert!(
        outcomes.accepted > 0 && outcomes.unknown == 0,
        "{outcomes:?}"
    );
    history.check(&log).await;
}
