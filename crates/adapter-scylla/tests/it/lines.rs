//! Lines to the nodes that are cut, slow or silent.

use std::{error::Error as _, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use xchat_adapter_scylla::{ScyllaOptions, Unresolved};
use xchat_ports::{
    DirectoryStore, PortError,
    contract::proxy::{Line, Proxy},
    directory_store::{NameClaim, NameHash},
};
use xchat_types::{AccountId, Millis};

use crate::{
    directory_store,
    engine::{self, Turn},
    history::{CONVERSATION, History, in_time},
    message_store,
};

const SECOND: Duration = Duration::from_secs(1);

/// A proxy before each node. The driver expects all nodes at the port of the first, so the proxies
/// of a node at 127.0.0.N stand at another port of 127.0.0.N, the same for all.
struct Lines(Vec<Proxy>);

impl Lines {
    async fn before(options: &mut ScyllaOptions) -> Self {
        let nodes = options.nodes.iter();
        let nodes: Vec<SocketAddr> = nodes.map(|node| node.parse().unwrap()).collect();
        let listeners = loop {
            if let Some(listeners) = listen(&nodes).await {
                break listeners;
            }
        };
        let proxies: Vec<_> = std::iter::zip(listeners, nodes)
            .map(|(listener, node)| Proxy::start(listener, node, None).unwrap())
            .collect();
        options.nodes = proxies.iter().map(|p| p.address().to_string()).collect();
        Self(proxies)
    }

    fn set(&self, line: Line) {
        self.0.iter().for_each(|proxy| proxy.set(line));
    }

    fn cut(&self) {
        self.0.iter().for_each(Proxy::cut);
    }
}

/// `None` where some node's port is taken.
async fn listen(nodes: &[SocketAddr]) -> Option<Vec<TcpListener>> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    for node in nodes {
        let port = listeners
            .first()
            .map_or(0, |l| l.local_addr().unwrap().port());
        listeners.push(TcpListener::bind((node.ip(), port)).await.ok()?);
    }
    Some(listeners)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_lose_nothing() {
    if engine::nodes().is_none() {
        return;
    }
    let turn = Turn::new(&message_store::SHARED);
    turn.begin().await;
    let mut options = message_store::SHARED.options();
    let lines = Lines::before(&mut options).await;
    let store = message_store::open_by(options.clone()).await;
    let mut history = History::new(&options);
    let cutting = async {
        for _ in 0..10 {
            tokio::time::sleep(SECOND / 5).await;
            lines.cut();
        }
    };
    let (outcomes, ()) = tokio::join!(history.write(&*store, 4 * SECOND), cutting);
    eprintln!("{outcomes:?}");
    assert!(outcomes.accepted > 0, "{outcomes:?}");
    history.check(&*message_store::open().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_were_down_or_silent_are_used_again_and_every_call_ends_in_time() {
    if engine::nodes().is_none() {
        return;
    }
    let turn = Turn::new(&message_store::SHARED);
    turn.begin().await;
    let mut options = message_store::SHARED.options();
    let lines = Lines::before(&mut options).await;
    let store = message_store::open_by(options.clone()).await;
    let mut history = History::new(&options);
    history.write(&*store, SECOND / 4).await;
    for line in [Line::Down, Line::Silent] {
        lines.set(line);
        let outcomes = history.write(&*store, 2 * SECOND).await;
        assert!(outcomes.accepted == 0, "{line:?}: {outcomes:?}");
        let read = in_time(options.request_timeout, store.read_members(CONVERSATION)).await;
        read.unwrap_err();
        lines.set(Line::Open);
        let mut accepted = 0;
        for _ in 0..20 {
            accepted += history.write(&*store, SECOND).await.accepted;
            if accepted > 0 {
                break;
            }
        }
        assert!(accepted > 0, "after {line:?}");
    }
    history.check(&*store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_nodes_delay_and_nothing_else() {
    if engine::nodes().is_none() {
        return;
    }
    let turn = Turn::new(&message_store::SHARED);
    turn.begin().await;
    let mut options = message_store::SHARED.options();
    let lines = Lines::before(&mut options).await;
    let store = message_store::open_by(options.clone()).await;
    let mut history = History::new(&options);
    lines.set(Line::Slow(SECOND / 10));
    let outcomes = history.write(&*store, 2 * SECOND).await;
    assert!(
        outcomes.accepted > 0 && outcomes.unknown == 0,
        "{outcomes:?}"
    );
    history.check(&*store).await;
}

async fn claim(store: &dyn DirectoryStore, name: u8, account: u8) -> Result<NameClaim, PortError> {
    let account = AccountId::new([account; 32]);
    store
        .claim_name(NameHash([name; 32]), account, Millis(1))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_whose_answer_was_cut_off_is_told_what_became_of_it() {
    if engine::nodes().is_none() {
        return;
    }
    let turn = Turn::new(&directory_store::SHARED);
    turn.begin().await;
    let mut options = directory_store::SHARED.options();
    let lines = Lines::before(&mut options).await;
    let store = directory_store::open_by(options).await;
    for name in 0..8 {
        lines.set(Line::Slow(SECOND / 20));
        let cutting = async {
            for _ in 0..3 {
                tokio::time::sleep(SECOND / 8).await;
                lines.cut();
            }
            lines.set(Line::Open);
        };
        let (claimed, ()) = tokio::join!(claim(&*store, name, 1), cutting);
        assert_eq!(claimed.unwrap(), NameClaim::Held, "name {name}");
        assert_eq!(claim(&*store, name, 2).await.unwrap(), NameClaim::Taken);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_stays_unknown_is_given_up_in_time() {
    if engine::nodes().is_none() {
        return;
    }
    let turn = Turn::new(&directory_store::SHARED);
    turn.begin().await;
    let mut options = directory_store::SHARED.options();
    options.conditional_timeout = 3 * SECOND;
    let lines = Lines::before(&mut options).await;
    let store = directory_store::open_by(options.clone()).await;
    lines.set(Line::Silent);
    let claiming = in_time(options.conditional_timeout, claim(&*store, 1, 1));
    let error = claiming.await.unwrap_err();
    let source = error.source().unwrap().downcast_ref::<Unresolved>();
    assert_eq!(source, Some(&Unresolved::InTime(3 * SECOND)), "{error}");
}
