//! Conversations as the product makes them: key packages claimed, one genesis, one bundle, and an
//! `accept` of everyone who was invited. Envelopes are encrypted before the clock starts.

mod away;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use xchat_crypto::{ControlRecord, envelope};
use xchat_mls::{
    Change, CommitBundle, ControlState, Direct, Extensions, Founding, Group, Suite,
    judge::{self, Case},
};
use xchat_proto::{
    client::{
        self, DeliveredRecord, SubmitRequest, client_frame::Body as Ask, delivered_record::Content,
        server_frame::Body as Tell,
    },
    convert,
};
use xchat_types::{
    ControlKind, ConversationId, Counter, Digest, Epoch, Header, Incarnation, Millis, RecordKind,
};

use crate::{
    link::{Link, SILENCE, welcome_or_answer},
    load::{Endpoint, Seats},
    person::{Person, now, random},
};

const INCARNATION: Incarnation = Incarnation(0);
/// Between two looks whether what was appended can be read.
const FOLDED: Duration = Duration::from_millis(1);

/// A sent envelope as its receivers must see it.
#[derive(Clone, Debug)]
struct Envelope {
    request: SubmitRequest,
    digest: Digest,
}

/// A member at its socket.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) person: Person,
    pub(crate) link: Link,
    conversation: ConversationId,
    counter: Counter,
    epoch: Epoch,
    /// Of the sender only.
    group: Option<Group>,
    /// Sequence before the envelopes under way.
    head: u64,
    cursor: u64,
    envelopes: Arc<[Envelope]>,
    inbox: Inbox,
    /// Of what has come, bytes.
    pub(crate) ciphertext: u64,
}

/// Records that have come and are not yet looked at, and what to ask for. A push may be missed: a
/// device that sees a gap, or is told to resync, pulls, and no message is lost by it.
#[derive(Debug, Default)]
struct Inbox {
    records: VecDeque<DeliveredRecord>,
    /// Highest sequence that the server has spoken of.
    heard: u64,
    resume_due: bool,
    pull_due: bool,
    pull_open: bool,
    pulls: usize,
}

impl Member {
    pub(crate) fn new(person: Person, link: Link) -> Self {
        Self {
            person,
            link,
            conversation: ConversationId::new([0; 32]),
            counter: Counter(0),
            epoch: Epoch(0),
            group: None,
            head: 0,
            cursor: 0,
            envelopes: Arc::from([]),
            inbox: Inbox::default(),
            ciphertext: 0,
        }
    }

    fn header(&mut self, kind: RecordKind) -> Header {
        self.counter = self.counter.next();
        Header {
            conversation: self.conversation,
            incarnation: INCARNATION,
            epoch: self.epoch,
            sender: self.person.device.id(),
            counter: self.counter,
            kind,
            created_at: now(),
        }
    }

    /// Submits a record and pulls until its own stub has come. Not by pushes: in a large room more
    /// is pushed than one that has acknowledged nothing yet is sent.
    async fn post(&mut self, header: &Header, payload: Vec<u8>) -> Result<DeliveredRecord> {
        let submit = submission(header, payload).request;
        self.link.ask(Ask::Submit(submit)).await?;
        let sender = convert::id_bytes(&header.sender);
        let until = Instant::now() + SILENCE;
        while Instant::now() < until {
            let pull = client::PullRequest {
                conversation_id: convert::id_bytes(&self.conversation),
                after_sequence: self.cursor,
                limit: 0,
            };
            let records = self.link.pull(pull).await?;
            self.cursor = records.last().map_or(self.cursor, |last| last.sequence);
            let own = records.into_iter().find(|record| {
                let of = record.header.as_ref();
                of.is_some_and(|of| of.sender_device_id == sender && of.counter == header.counter.0)
            });
            if let Some(own) = own {
                return Ok(own);
            }
            tokio::time::sleep(FOLDED).await;
        }
        bail!("a record was lost: counter {}", header.counter.0)
    }

    /// Waits for the welcome and accepts it.
    async fn accept(&mut self, conversation: ConversationId) -> Result<u64> {
        let welcome = self.welcome().await?;
        anyhow::ensure!(
            welcome.conversation_id == convert::id_bytes(&conversation),
            "a welcome into another conversation"
        );
        let ack = client::AckWelcomeRequest {
            welcome_ref: welcome.welcome_ref,
        };
        self.link.ask(Ask::AckWelcome(ack)).await?;
        self.conversation = conversation;
        self.epoch = Epoch(welcome.epoch);
        let header = self.header(RecordKind::Control);
        let record = ControlRecord {
            conversation,
            incarnation: INCARNATION,
            kind: ControlKind::Accept,
            account: self.person.account(),
            device: header.sender,
            counter: header.counter,
            created_at: header.created_at,
            certificates: Vec::new(),
            detail: Vec::new(),
        };
        let signed = record.sign(self.person.device.key())?;
        let stub = self.post(&header, signed.to_bytes()).await?;
        Ok(stub.sequence)
    }

    async fn welcome(&mut self) -> Result<client::Welcome> {
        loop {
            let push = match self.link.take_push() {
                Some(push) => push,
                None => self
                    .link
                    .next()
                    .await?
                    .body
                    .context("a frame without a body")?,
            };
            if let Tell::WelcomePush(push) = push {
                return push.welcome.context("an empty welcome");
            }
            welcome_or_answer(&push)?;
        }
    }
}

impl Member {
    /// Pulls made since the room was founded.
    pub(crate) const fn pulls(&self) -> usize {
        self.inbox.pulls
    }

    /// Cancel-safe: what was perhaps sent is sent again, and both answers are the same.
    async fn ask_for_missing(&mut self) -> Result<()> {
        if self.inbox.resume_due {
            self.link
                .send(Ask::Resume(client::ResumeRequest {}))
                .await?;
            self.inbox.resume_due = false;
        }
        if self.inbox.pull_due {
            let pull = client::PullRequest {
                conversation_id: convert::id_bytes(&self.conversation),
                after_sequence: self.cursor,
                limit: 0,
            };
            self.link.send(Ask::Pull(pull)).await?;
            self.inbox.pull_due = false;
            self.inbox.pull_open = true;
            self.inbox.pulls += 1;
        }
        Ok(())
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "answers it has no use for")]
    fn hear(&mut self, frame: Tell) -> Result<()> {
        match frame {
            Tell::DeliverPush(push) => {
                for record in push.records {
                    self.inbox.heard = self.inbox.heard.max(record.sequence);
                    self.inbox.records.push_back(record);
                }
            }
            Tell::Pull(pulled) => {
                self.inbox.heard = self.inbox.heard.max(pulled.head_sequence);
                self.inbox.pull_open = false;
                self.inbox.records.extend(pulled.records);
            }
            Tell::ResyncPush(_) => {
                self.inbox.resume_due = true;
                self.inbox.pull_due = true;
            }
            other => welcome_or_answer(&other)?,
        }
        Ok(())
    }
}

/// Makes the first the creator and sender of a room with all others, and returns when all have
/// accepted. Two and the hybrid suite: a 1:1 conversation.
pub(crate) async fn found(mut members: Seats<Member>, suite: Suite) -> Result<Seats<Member>> {
    let Some((creator, others)) = members.split_first_mut() else {
        bail!("nobody");
    };
    let mut add = Vec::new();
    for other in others.iter_mut() {
        let publish = other.person.publications(suite, 1)?;
        other.link.ask(Ask::PublishKeyPackages(publish)).await?;
        let claim = client::ClaimKeyPackagesRequest {
            account_id: convert::id_bytes(&other.person.account()),
            suite: u32::from(suite.number()),
            claim_id: Bytes::copy_from_slice(&random::<16>()),
        };
        let Tell::ClaimKeyPackages(claimed) =
            creator.link.ask(Ask::ClaimKeyPackages(claim)).await?
        else {
            bail!("no key packages");
        };
        let packages = claimed.packages.into_iter();
        add.extend(packages.map(|package| package.key_package.to_vec().into()));
    }
    let account = creator.person.account();
    let extensions = match &*others {
        [other] => Extensions::direct(Direct::between(account, other.person.account())?),
        _ => Extensions::group(account),
    };
    creator.conversation = ConversationId::new(random());
    create(creator, suite, extensions, add).await?;
    let mut head = 0;
    for other in others.iter_mut() {
        head = other.accept(creator.conversation).await?;
    }
    for member in &mut members {
        member.head = head;
        member.cursor = head;
        let ack = client::AckRequest {
            conversation_id: convert::id_bytes(&member.conversation),
            sequence: head,
        };
        member.link.ask(Ask::Ack(ack)).await?;
    }
    Ok(members)
}

async fn create(
    creator: &mut Member,
    suite: Suite,
    extensions: Extensions,
    add: Vec<xchat_mls::KeyPackageBytes>,
) -> Result<()> {
    let founding = Founding {
        conversation: creator.conversation,
        incarnation: INCARNATION,
        suite,
        extensions,
        now: now(),
    };
    let (mut group, genesis) = Group::create(&creator.person.device, &founding)?;
    let header = creator.header(RecordKind::Genesis);
    creator.post(&header, genesis.to_bytes()).await?;
    let header = creator.header(RecordKind::CommitBundle);
    let change = Change {
        add,
        ..Change::default()
    };
    let bundle: CommitBundle = group.commit(&creator.person.device, &header, &change)?;
    let stub = creator.post(&header, bundle.to_bytes()).await?;
    group.apply_commit(&Case {
        version: judge::CURRENT,
        header: &header,
        control: &ControlState::default(),
        bundle: &bundle,
        appended_at: Millis(stub.appended_at_ms),
    })?;
    creator.epoch = group.epoch();
    creator.group = Some(group);
    Ok(())
}

fn submission(header: &Header, payload: Vec<u8>) -> Envelope {
    let digest = envelope::digest(header, &payload);
    Envelope {
        request: SubmitRequest {
            header: Some(header.into()),
            digest: convert::id_bytes(&digest),
            payload: payload.into(),
            retention_ms: 0,
        },
        digest,
    }
}

/// Encrypts the next `count` messages of the room's sender, of `bytes` each before encryption.
pub(crate) fn prepare(room: &mut Seats<Member>, count: usize, bytes: usize) -> Result<()> {
    let sender = room.first_mut().context("an empty room")?;
    let mut group = sender.group.take().context("the sender has no group")?;
    let plaintext = vec![0x78; bytes];
    let mut envelopes = Vec::with_capacity(count);
    for _ in 0..count {
        let header = sender.header(RecordKind::Application);
        let payload = group.encrypt(&sender.person.device, &header, &plaintext)?;
        envelopes.push(submission(&header, payload.into_bytes()));
    }
    sender.group = Some(group);
    let done = sender.envelopes.len() as u64;
    let envelopes: Arc<[Envelope]> = envelopes.into();
    for member in room {
        member.head += done;
        member.envelopes = Arc::clone(&envelopes);
    }
    Ok(())
}

/// Pulls of all members of all rooms.
pub(crate) fn pulls(rooms: &[Seats<Member>]) -> usize {
    rooms.iter().flatten().map(Member::pulls).sum()
}

/// Bytes of a ciphertext of the room.
pub(crate) fn ciphertext_bytes(room: &Seats<Member>) -> usize {
    let envelope = room.first().and_then(|sender| sender.envelopes.first());
    envelope.map_or(0, |envelope| envelope.request.payload.len())
}

impl Endpoint for Member {
    async fn submit(&mut self, number: usize) -> Result<()> {
        let envelope = self.envelopes.get(number).context("no such envelope")?;
        let request = envelope.request.clone();
        self.link.send(Ask::Submit(request)).await?;
        Ok(())
    }

    async fn arrived(&mut self) -> Result<usize> {
        loop {
            self.ask_for_missing().await?;
            while let Some(record) = self.inbox.records.pop_front() {
                if record.sequence <= self.cursor {
                    continue;
                }
                if record.sequence > self.cursor + 1 {
                    self.inbox.records.clear();
                    self.inbox.pull_due |= !self.inbox.pull_open;
                    break;
                }
                let number = usize::try_from(record.sequence - self.head - 1)?;
                let sent = self.envelopes.get(number);
                self.ciphertext += check(&record, sent.context("a record that nobody sent")?)?;
                self.cursor = record.sequence;
                return Ok(number);
            }
            // What was pushed while a pull was open may have been passed over.
            let behind = self.inbox.heard > self.cursor && self.inbox.records.is_empty();
            self.inbox.pull_due |= behind && !self.inbox.pull_open;
            if !self.inbox.pull_due {
                let push = match self.link.take_push() {
                    Some(push) => push,
                    None => self.link.next().await?.body.context("an empty frame")?,
                };
                self.hear(push)?;
            }
        }
    }

    async fn acknowledge(&mut self) -> Result<()> {
        let ack = client::AckRequest {
            conversation_id: convert::id_bytes(&self.conversation),
            sequence: self.cursor,
        };
        self.link.send(Ask::Ack(ack)).await?;
        Ok(())
    }
}

/// Whether the record is the envelope that was sent, byte for byte; returns the length of its
/// ciphertext, zero for the sender's own stub.
fn check(record: &DeliveredRecord, sent: &Envelope) -> Result<u64> {
    anyhow::ensure!(
        record.header == sent.request.header && record.digest == sent.request.digest,
        "sequence {} holds another envelope than was sent there",
        record.sequence
    );
    match &record.content {
        Some(Content::Payload(payload)) => {
            let header = Header::try_from(record.header.as_ref().context("no header")?)?;
            anyhow::ensure!(
                envelope::digest(&header, payload) == sent.digest,
                "sequence {} came damaged",
                record.sequence
            );
            Ok(payload.len() as u64)
        }
        Some(Content::Withheld(reason)) => {
            anyhow::ensure!(
                *reason == i32::from(client::Withheld::Own as u8),
                "sequence {} came without its payload",
                record.sequence
            );
            Ok(0)
        }
        None => bail!("sequence {} came empty", record.sequence),
    }
}
