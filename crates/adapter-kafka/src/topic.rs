//! The topic: made as it must be, and refused if it is otherwise.

use std::time::Duration;

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    error::RDKafkaErrorCode,
};
use tokio::time::{Instant, sleep};

use crate::{Config, OpenError, WrongSetting, blocking::CALL};

type Admin = AdminClient<DefaultClientContext>;

/// A topic that was just made has leaders after some seconds.
const LEADERS: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// What a frame adds to a record: key, lengths, checksum.
const FRAME_BYTES: u64 = 1_024;

pub(crate) fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(CALL))
        .operation_timeout(Some(CALL))
}

/// Makes the topic if it is not there, waits until it can be used, and checks it.
pub(crate) async fn prepare(admin: &Admin, config: &Config) -> Result<(), OpenError> {
    create(admin, config).await?;
    let end = Instant::now() + LEADERS;
    let layout = loop {
        match look(admin, config)? {
            Ok(layout) => break layout,
            Err(what) if Instant::now() > end => return Err(refused(config, what)),
            Err(_) => sleep(BETWEEN_LOOKS).await,
        }
    };
    let mut wrong = check_layout(layout, config);
    wrong.extend(check_settings(&describe(admin, config).await?, config));
    if wrong.is_empty() {
        return Ok(());
    }
    Err(OpenError::Settings {
        topic: config.topic.clone(),
        wrong,
    })
}

async fn create(admin: &Admin, config: &Config) -> Result<(), OpenError> {
    let needed: Vec<_> = needed(config).into_iter().chain(wanted()).collect();
    let partitions = i32::try_from(config.partitions);
    let replication = i32::try_from(config.replication);
    let (Ok(partitions), Ok(replication)) = (partitions, replication) else {
        return Err(refused(
            config,
            "too many partitions or replicas".to_owned(),
        ));
    };
    let replication = TopicReplication::Fixed(replication);
    let mut topic = NewTopic::new(&config.topic, partitions, replication);
    for setting in &needed {
        topic = topic.set(setting.name, &setting.value);
    }
    for answer in admin.create_topics([&topic], &options()).await? {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(refused(config, format!("can't be made: {code}"))),
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Layout {
    partitions: usize,
    /// Of the partition that has fewest.
    replicas: usize,
}

/// The layout once all partitions have leaders, or why not. Each question may go to another broker,
/// which has not heard of the topic yet.
fn look(admin: &Admin, config: &Config) -> Result<Result<Layout, String>, OpenError> {
    let found = admin.inner().fetch_metadata(Some(&config.topic), CALL)?;
    let Some(topic) = found.topics().first() else {
        return Ok(Err("is not known".to_owned()));
    };
    let partitions = topic.partitions();
    if partitions.is_empty() || partitions.iter().any(|partition| partition.leader() < 0) {
        return Ok(Err("has partitions without a leader".to_owned()));
    }
    let replicas = partitions.iter().map(|p| p.replicas().len()).min();
    Ok(Ok(Layout {
        partitions: partitions.len(),
        replicas: replicas.unwrap_or(0),
    }))
}

/// The topic's settings. A broker that has not heard of a new topic yet answers with none.
async fn describe(admin: &Admin, config: &Config) -> Result<ConfigResource, OpenError> {
    let specifier = ResourceSpecifier::Topic(&config.topic);
    let end = Instant::now() + LEADERS;
    loop {
        let answers = admin.describe_configs([&specifier], &options()).await?;
        match answers.into_iter().next() {
            Some(Ok(found)) if !found.entries.is_empty() => return Ok(found),
            Some(Err(code)) if code != RDKafkaErrorCode::UnknownTopicOrPartition => {
                return Err(refused(config, code.to_string()));
            }
            Some(Ok(_) | Err(_)) | None if Instant::now() > end => {
                return Err(refused(
                    config,
                    "has settings that no broker tells".to_owned(),
                ));
            }
            Some(Ok(_) | Err(_)) | None => sleep(BETWEEN_LOOKS).await,
        }
    }
}

fn check_layout(layout: Layout, config: &Config) -> Vec<WrongSetting> {
    let mut wrong = Vec::new();
    let (brokers, name) = (&config.brokers, &config.topic);
    let Layout {
        partitions,
        replicas,
    } = layout;
    if partitions != config.partitions as usize {
        wrong.push(WrongSetting {
            name: "partitions".to_owned(),
            found: partitions.to_string(),
            needed: config.partitions.to_string(),
            command: format!(
                "it is fixed when a log is made: configure {partitions} partitions if this log was \
                 made with so many, and with a number that was changed later stop and restore it; \
                 or, if the topic holds nothing yet, kafka-topics.sh --bootstrap-server {brokers} \
                 --delete --topic {name}"
            ),
        });
    }
    if replicas < config.replication as usize {
        wrong.push(WrongSetting {
            name: "replication factor".to_owned(),
            found: replicas.to_string(),
            needed: format!("at least {}", config.replication),
            command: format!(
                "kafka-reassign-partitions.sh --bootstrap-server {brokers} --execute \
                 --reassignment-json-file FILE, with {} replicas for each of the {partitions} \
                 partitions of {name}",
                config.replication
            ),
        });
    }
    wrong
}

fn check_settings(found: &ConfigResource, config: &Config) -> Vec<WrongSetting> {
    let mut wrong = Vec::new();
    for setting in needed(config) {
        let value = found
            .get(setting.name)
            .and_then(|entry| entry.value.clone());
        let value = value.unwrap_or_default();
        if setting.is_met(&value) {
            continue;
        }
        wrong.push(WrongSetting {
            name: setting.name.to_owned(),
            found: value,
            needed: setting.to_string(),
            command: format!(
                "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics \
                 --entity-name {} --add-config {}={}",
                config.brokers, config.topic, setting.name, setting.value
            ),
        });
    }
    wrong
}

/// A setting that correctness needs.
struct Setting {
    name: &'static str,
    value: String,
    at_least: bool,
}

impl Setting {
    fn exactly(name: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        Self {
            name,
            value: value.to_string(),
            at_least: false,
        }
    }

    fn at_least(name: &'static str, value: u64) -> Self {
        Self {
            at_least: true,
            ..Self::exactly(name, &value)
        }
    }

    fn is_met(&self, found: &str) -> bool {
        if !self.at_least {
            return found == self.value;
        }
        let number = |text: &str| text.parse::<u64>().ok();
        number(found).is_some_and(|found| Some(found) >= number(&self.value))
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let least = if self.at_least { "at least " } else { "" };
        write!(f, "{least}{}", self.value)
    }
}

fn needed(config: &Config) -> Vec<Setting> {
    let record = u64::from(config.max_record_bytes) + FRAME_BYTES;
    vec![
        Setting::exactly("cleanup.policy", "delete"),
        // Time alone deletes, and neither earlier nor later than was promised.
        Setting::exactly("retention.ms", &config.retention_ms),
        Setting::exactly("retention.bytes", &-1),
        Setting::exactly("message.timestamp.type", "LogAppendTime"),
        Setting::exactly("unclean.leader.election.enable", &false),
        Setting::at_least("min.insync.replicas", u64::from(config.min_in_sync)),
        Setting::at_least("max.message.bytes", record),
    ]
}

/// What a topic made here has besides: what is released is gone from disk soon.
fn wanted() -> [Setting; 3] {
    [
        Setting::exactly("segment.ms", &600_000),
        Setting::exactly("file.delete.delay.ms", &10_000),
        Setting::exactly("compression.type", "producer"),
    ]
}

fn refused(config: &Config, what: String) -> OpenError {
    OpenError::Topic {
        topic: config.topic.clone(),
        what,
    }
}
