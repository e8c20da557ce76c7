//! Write rows by CQL with nothing around it: a floor of the benchmarks.
//!
//! `bare_cql serve NODES KEYSPACE`: says `ready`, then takes frames from standard input (four bytes
//! of length, big-endian, then the body, which begins with four bytes of a room), writes each as
//! the payload of an envelope, and to standard output when QUORUM has it. One of a room at a time.
//! The keyspace is one of the message store.
//! `bare_cql drop NODES KEYSPACE`: tidies up.

use std::{
    collections::HashMap,
    error::Error,
    fs::File,
    io::{self, BufReader, Read, Write},
    os::fd::AsFd as _,
    process::ExitCode,
    sync::Arc,
    thread,
    time::{Duration, UNIX_EPOCH},
};

use scylla::{
    client::{
        execution_profile::ExecutionProfile, session::Session, session_builder::SessionBuilder,
    },
    statement::{Consistency, prepared::PreparedStatement},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;
type Room = [u8; 4];

/// As long as the id of a conversation.
const KEY: usize = 32;
/// Sequences of a partition, as of the message store.
const BUCKET: i64 = 1_024;
const MONTH_SECONDS: i32 = 31 * 86_400;
/// Dropping a keyspace takes longer than a write.
const LONGEST: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new();
    let done = match (runtime, arguments.as_slice()) {
        (Err(error), _) => Err(error.into()),
        (Ok(runtime), ["serve", nodes, keyspace]) => runtime.block_on(serve(nodes, keyspace)),
        (Ok(runtime), ["drop", nodes, keyspace]) => runtime.block_on(drop_all(nodes, keyspace)),
        (Ok(_), _) => Err("usage: see the head of its source".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bare_cql: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn connect(nodes: &str, timeout: Duration) -> Outcome<Session> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::Quorum)
        .request_timeout(Some(timeout))
        .build();
    let builder = SessionBuilder::new()
        .known_nodes(nodes.split(','))
        .default_execution_profile_handle(profile.into_handle());
    Ok(builder.build().await?)
}

#[derive(Debug)]
struct Table {
    session: Session,
    put: PreparedStatement,
}

async fn serve(nodes: &str, keyspace: &str) -> Outcome {
    let session = connect(nodes, Duration::from_secs(2)).await?;
    let put = format!(
        "INSERT INTO {keyspace}.envelopes (conversation, bucket, sequence, payload) \
         VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
    );
    let mut put = session.prepare(put).await?;
    put.set_is_idempotent(true);
    let table = Arc::new(Table { session, put });
    // Not the buffered handle: a frame is one write.
    let output = Arc::new(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    (&*output).write_all(b"ready\n")?;
    let (to, mut frames) = unbounded_channel();
    thread::spawn(move || read(&to));
    let mut rooms: HashMap<Room, UnboundedSender<Vec<u8>>> = HashMap::new();
    let mut writers = JoinSet::new();
    while let Some((room, body)) = frames.recv().await {
        let writer = rooms.entry(room).or_insert_with(|| {
            let (to, bodies) = unbounded_channel();
            writers.spawn(write(Arc::clone(&table), room, bodies, Arc::clone(&output)));
            to
        });
        if writer.send(body).is_err() {
            // It says why it ended.
            break;
        }
    }
    drop(rooms);
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Until standard input ends.
fn read(to: &UnboundedSender<(Room, Vec<u8>)>) -> Outcome {
    let mut input = BufReader::new(io::stdin());
    let mut length = [0; 4];
    loop {
        input.read_exact(&mut length)?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut body)?;
        let room = *body.first_chunk().ok_or("a frame without a room")?;
        to.send((room, body))?;
    }
}

async fn write(
    table: Arc<Table>,
    room: Room,
    mut bodies: UnboundedReceiver<Vec<u8>>,
    output: Arc<File>,
) -> Outcome {
    let mut key = [0; KEY];
    key.first_chunk_mut()
        .ok_or("a short key")
        .map(|at| *at = room)?;
    let mut sequence = 0_i64;
    while let Some(body) = bodies.recv().await {
        sequence += 1;
        let place = (key.as_slice(), sequence / BUCKET, sequence);
        let values = (
            place.0,
            place.1,
            place.2,
            body.as_slice(),
            now()?,
            MONTH_SECONDS,
        );
        table.session.execute_unpaged(&table.put, values).await?;
        let length = u32::try_from(body.len())?.to_be_bytes();
        (&*output).write_all(&[length.as_slice(), &body].concat())?;
    }
    Ok(())
}

/// Microseconds, as write timestamps are.
fn now() -> Outcome<i64> {
    #[allow(
        clippy::disallowed_methods,
        reason = "a program with the machine's clock"
    )]
    let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_micros())?)
}

async fn drop_all(nodes: &str, keyspace: &str) -> Outcome {
    let session = connect(nodes, LONGEST).await?;
    let statement = format!("DROP KEYSPACE IF EXISTS {keyspace}");
    session.query_unpaged(statement, ()).await?;
    Ok(())
}
