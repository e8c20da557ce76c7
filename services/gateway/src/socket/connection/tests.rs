use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use xchat_proto::{
    Message as _,
    client::{GoingAwayPush, ServerFrame, server_frame::Body},
};
use xchat_types::{AccountId, DeviceId, Millis};

use super::*;
use crate::tests::edge;

fn session(edge: &Edge, life: Duration) -> Session {
    let life = u64::try_from(life.as_millis()).unwrap();
    Session {
        account: AccountId::new([1; 32]),
        device: DeviceId::new([2; 16]),
        expires_at: Millis(edge.now().0 + life),
    }
}

async fn sockets(bytes: usize) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (near, far) = tokio::io::duplex(bytes);
    let near = WebSocketStream::from_raw_socket(near, Role::Server, None).await;
    let far = WebSocketStream::from_raw_socket(far, Role::Client, None).await;
    (near, far)
}

/// Reads, and so answers pings, until the server says that it goes away: in ten minutes at most.
async fn goodbye(far: &mut WebSocketStream<DuplexStream>) -> GoingAwayPush {
    let said = tokio::time::timeout(Duration::from_mins(10), heard(far)).await;
    said.expect("the server says goodbye in time")
}

async fn heard(far: &mut WebSocketStream<DuplexStream>) -> GoingAwayPush {
    while let Some(Ok(message)) = far.next().await {
        let Message::Binary(bytes) = message else {
            continue;
        };
        if let Some(Body::GoingAwayPush(push)) = ServerFrame::decode(bytes).unwrap().body {
            return push;
        }
    }
    panic!("closed without a goodbye");
}

#[tokio::test(start_paused = true)]
async fn a_socket_ends_with_its_access_token_not_at_the_next_heartbeat() {
    let edge = edge();
    let started = Instant::now();
    let life = Duration::from_secs(70);
    let (near, mut far) = sockets(4_096).await;
    let connection = Connection::open(Arc::clone(&edge), session(&edge, life), near).unwrap();
    let ((), push) = tokio::join!(connection.serve(), async {
        let push = goodbye(&mut far).await;
        assert_eq!(started.elapsed().as_secs(), 70);
        drop(far);
        push
    });
    assert_eq!(push.reason(), Reason::TokenExpired);
    assert!(edge.registry.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_renewed_in_band_keeps_the_socket_until_the_new_token_ends() {
    let edge = edge();
    let started = Instant::now();
    let (near, mut far) = sockets(4_096).await;
    let first = session(&edge, Duration::from_secs(70));
    let renewed = session(&edge, Duration::from_secs(200));
    let connection = Connection::open(Arc::clone(&edge), first, near).unwrap();
    let renewal = async move {
        tokio::time::sleep(Duration::from_secs(50)).await;
        (Bytes::new(), Some(renewed))
    };
    connection.work.push(Box::pin(renewal));
    tokio::join!(connection.serve(), async {
        let push = goodbye(&mut far).await;
        assert_eq!(push.reason(), Reason::TokenExpired);
        assert_eq!(started.elapsed().as_secs(), 200);
        drop(far);
    });
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_has_stopped_does_not_outlive_its_token() {
    let edge = edge();
    let started = Instant::now();
    let (near, far) = sockets(64).await;
    let life = Duration::from_secs(10);
    let connection = Connection::open(Arc::clone(&edge), session(&edge, life), near).unwrap();
    // More than the pipe holds: the write blocks.
    connection.mailbox.push_note(Bytes::from(vec![0; 1_000]));
    connection.serve().await;
    assert!(
        started.elapsed() < life + 3 * FAREWELL,
        "after {:?}",
        started.elapsed()
    );
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_has_stopped_is_cut_off_when_its_device_is_revoked() {
    let edge = edge();
    let started = Instant::now();
    let (near, far) = sockets(64).await;
    let life = Duration::from_secs(250);
    let connection = Connection::open(Arc::clone(&edge), session(&edge, life), near).unwrap();
    let mailbox = Arc::clone(&connection.mailbox);
    mailbox.push_note(Bytes::from(vec![0; 1_000]));
    tokio::join!(connection.serve(), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        mailbox.close(Reason::DeviceRevoked);
    });
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "after {:?}",
        started.elapsed()
    );
    drop(far);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_stays_closed_ends_in_a_resync() {
    let edge = edge();
    let (near, mut far) = sockets(4_096).await;
    let life = Duration::from_secs(250);
    let connection = Connection::open(Arc::clone(&edge), session(&edge, life), near).unwrap();
    for conversation in 1..=6 {
        for sequence in 1..=60 {
            let frame = answer::push(Body::DeliverPush(
                xchat_proto::client::DeliverPush::default(),
            ));
            let conversation = xchat_types::ConversationId::new([conversation; 32]);
            let sequence = xchat_types::Sequence(sequence);
            connection
                .mailbox
                .push_records(conversation, sequence, 1, frame);
        }
    }
    let mut resyncs = 0;
    tokio::join!(connection.serve(), async {
        while let Some(Ok(message)) = far.next().await {
            resyncs += usize::from(message == Message::Binary(answer::resync()));
        }
    });
    assert_eq!(resyncs, 1);
}
