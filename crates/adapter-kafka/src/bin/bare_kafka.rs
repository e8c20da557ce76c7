//! Produce to Kafka and consume again with nothing around it: a floor of the benchmarks.
//!
//! `bare_kafka serve BROKERS TOPIC PARTITIONS`: says `ready`, then takes frames from standard input
//! (four bytes of length, big-endian, then the body, which begins with four bytes of a room),
//! appends each to the room's partition, and writes it to standard output when the consumer has it.
//! Topic and clients have the settings of the event log.
//! `bare_kafka delete BROKERS GROUP TOPIC…`: tidies up.

use std::{
    error::Error,
    fs::File,
    io::{self, BufReader, Read, Write},
    os::fd::AsFd as _,
    process::ExitCode,
    sync::Arc,
    thread,
    time::Duration,
};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    producer::{BaseRecord, DefaultProducerContext, ThreadedProducer},
};
use xchat_adapter_kafka::{Config, KafkaEventLog};

#[allow(
    dead_code,
    reason = "the adapter's settings; not all of them are for here"
)]
#[path = "../client.rs"]
mod client;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// As long as the key of a record.
const KEY: usize = 32;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["serve", brokers, topic, partitions] => serve(brokers, topic, partitions),
        ["delete", brokers, group, topics @ ..] => delete(brokers, group, topics),
        _ => Err("usage: see the head of its source".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "bare_kafka: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(brokers: &str, topic: &str, partitions: &str) -> Outcome {
    let config = Config {
        brokers: brokers.to_owned(),
        topic: topic.to_owned(),
        group: topic.to_owned(),
        partitions: partitions.parse()?,
        replication: 1,
        min_in_sync: 1,
        ..Config::default()
    };
    let runtime = tokio::runtime::Runtime::new()?;
    drop(runtime.block_on(KafkaEventLog::open(config.clone()))?);
    let consumer: BaseConsumer = client::consumer(&config, &config.group).create()?;
    let mut all = TopicPartitionList::new();
    for partition in 0..config.partitions {
        all.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    let producer: ThreadedProducer<DefaultProducerContext> = client::producer(&config).create()?;
    // Not the buffered handle: a frame is one write.
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    output.write_all(b"ready\n")?;
    let consumer = Arc::new(consumer);
    thread::spawn(move || {
        let ended = consume(&consumer, &mut output);
        let _ = writeln!(io::stderr(), "bare_kafka: {ended:?}");
    });
    produce(&producer, &config)
}

/// Until standard input ends.
fn produce(producer: &ThreadedProducer<DefaultProducerContext>, config: &Config) -> Outcome {
    let mut input = BufReader::new(io::stdin());
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        input.read_exact(&mut body)?;
        let room = *body.first_chunk::<4>().ok_or("a frame without a room")?;
        let mut key = [0; KEY];
        key.first_chunk_mut()
            .ok_or("a short key")
            .map(|at| *at = room)?;
        let partition = u32::from_be_bytes(room) % config.partitions;
        let record = BaseRecord::to(&config.topic)
            .partition(i32::try_from(partition)?)
            .key(key.as_slice())
            .payload(&body);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// Until there is an error.
fn consume(consumer: &BaseConsumer, output: &mut File) -> Outcome {
    loop {
        match consumer.poll(Duration::from_secs(1)) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => return Err(error.into()),
            Some(Ok(message)) => {
                let body = message.payload().unwrap_or_default();
                let length = u32::try_from(body.len())?.to_be_bytes();
                output.write_all(&[length.as_slice(), body].concat())?;
            }
        }
    }
}

fn delete(brokers: &str, group: &str, topics: &[&str]) -> Outcome {
    let config = Config {
        brokers: brokers.to_owned(),
        ..Config::default()
    };
    let admin: AdminClient<DefaultClientContext> = client::admin(&config).create()?;
    let options = AdminOptions::new();
    tokio::runtime::Runtime::new()?.block_on(async {
        admin.delete_topics(topics, &options).await?;
        admin.delete_groups(&[group], &options).await?;
        Ok(())
    })
}
