//! A conversation as its device makes it: key packages claimed, a genesis, a bundle, an `accept` of
//! everyone who was invited.

use bytes::Bytes;
use xchat_crypto::{ControlRecord, envelope};
use xchat_mls::{
    Change, ControlState, Extensions, Founding, Group, KeyPackageBytes, Suite,
    judge::{self, Case},
};
use xchat_proto::{
    client::{
        self, DeliveredRecord, SubmitRequest, client_frame::Body as Ask, server_frame::Body as Tell,
    },
    convert,
};
use xchat_types::{
    ControlKind, ConversationId, Counter, Epoch, Header, Incarnation, Millis, RecordKind,
};

use super::{Device, Link, device::now, random};

const INCARNATION: Incarnation = Incarnation(0);

/// One device's view of a conversation.
#[derive(Debug)]
pub struct Room {
    pub conversation: ConversationId,
    /// Of the last record.
    pub counter: Counter,
    pub epoch: Epoch,
    pub group: Group,
}

impl Room {
    /// A group of the classical suite with this device alone, and the bytes of its genesis.
    pub fn create(device: &Device) -> (Self, Vec<u8>) {
        let conversation = ConversationId::new(random());
        let founding = Founding {
            conversation,
            incarnation: INCARNATION,
            suite: Suite::Classical,
            extensions: Extensions::group(device.account()),
            now: now(),
        };
        let (group, genesis) = Group::create(&device.mls, &founding).expect("a group");
        let room = Self {
            conversation,
            counter: Counter(0),
            epoch: Epoch(0),
            group,
        };
        (room, genesis.to_bytes())
    }

    /// Creates one and waits until the log has it.
    pub async fn found(device: &Device, link: &mut Link) -> Self {
        let (mut room, genesis) = Self::create(device);
        let header = room.header(device, RecordKind::Genesis);
        post(link, &header, genesis).await;
        room
    }

    /// With others, who have all accepted. Each of them is one record.
    pub async fn of(device: &Device, link: &mut Link, others: &mut [(Device, Link)]) -> Self {
        let mut room = Self::found(device, link).await;
        let mut add = Vec::new();
        for (other, far) in &mut *others {
            far.ask(Ask::PublishKeyPackages(other.publication())).await;
            add.extend(claim(link, other).await);
        }
        let header = room.header(device, RecordKind::CommitBundle);
        let change = Change {
            add,
            ..Change::default()
        };
        let bundle = room.group.commit(&device.mls, &header, &change);
        let bundle = bundle.expect("a commit");
        let stub = post(link, &header, bundle.to_bytes()).await;
        room.group
            .apply_commit(&Case {
                version: judge::CURRENT,
                header: &header,
                control: &ControlState::default(),
                bundle: &bundle,
                appended_at: Millis(stub.appended_at_ms),
            })
            .expect("the own commit");
        room.epoch = room.group.epoch();
        for (other, far) in others {
            room.accept(other, far).await;
        }
        room
    }

    async fn accept(&self, device: &Device, link: &mut Link) {
        link.pushed(|push| matches!(push, Tell::WelcomePush(_)).then_some(()))
            .await;
        let header = Header {
            counter: Counter(1),
            ..self.next(device, RecordKind::Control)
        };
        post(link, &header, accept(device, &header)).await;
    }

    /// The header of this device's next record, which is not counted yet.
    pub fn next(&self, device: &Device, kind: RecordKind) -> Header {
        Header {
            conversation: self.conversation,
            incarnation: INCARNATION,
            epoch: self.epoch,
            sender: device.mls.id(),
            counter: self.counter.next(),
            kind,
            created_at: now(),
        }
    }

    /// The same, counted.
    pub fn header(&mut self, device: &Device, kind: RecordKind) -> Header {
        let header = self.next(device, kind);
        self.counter = header.counter;
        header
    }

    /// The next message, encrypted.
    pub fn envelope(&mut self, device: &Device, plaintext: &[u8]) -> SubmitRequest {
        let header = self.header(device, RecordKind::Application);
        let payload = self.group.encrypt(&device.mls, &header, plaintext);
        submission(&header, payload.expect("a ciphertext").into_bytes())
    }
}

/// A signed `accept` under a header.
pub fn accept(device: &Device, header: &Header) -> Vec<u8> {
    let record = ControlRecord {
        conversation: header.conversation,
        incarnation: header.incarnation,
        kind: ControlKind::Accept,
        account: device.account(),
        device: header.sender,
        counter: header.counter,
        created_at: header.created_at,
        certificates: Vec::new(),
        detail: Vec::new(),
    };
    record.sign(device.mls.key()).expect("signed").to_bytes()
}

/// A record with the digest that fits it.
pub fn submission(header: &Header, payload: Vec<u8>) -> SubmitRequest {
    let digest = envelope::digest(header, &payload);
    SubmitRequest {
        header: Some(header.into()),
        digest: convert::id_bytes(&digest),
        payload: payload.into(),
        retention_ms: 0,
    }
}

async fn claim(link: &mut Link, of: &Device) -> Vec<KeyPackageBytes> {
    let claim = client::ClaimKeyPackagesRequest {
        account_id: convert::id_bytes(&of.account()),
        suite: u32::from(Suite::Classical.number()),
        claim_id: Bytes::copy_from_slice(&random::<16>()),
    };
    let Tell::ClaimKeyPackages(claimed) = link.ask(Ask::ClaimKeyPackages(claim)).await else {
        panic!("no key packages");
    };
    let packages = claimed.packages.into_iter();
    packages
        .map(|package| package.key_package.to_vec().into())
        .collect()
}

/// Submits a record and waits for its own stub.
async fn post(link: &mut Link, header: &Header, payload: Vec<u8>) -> DeliveredRecord {
    link.ask(Ask::Submit(submission(header, payload))).await;
    let (sender, counter) = (convert::id_bytes(&header.sender), header.counter.0);
    let conversation = convert::id_bytes(&header.conversation);
    link.pushed(|push| {
        let Tell::DeliverPush(push) = push else {
            return None;
        };
        push.records.into_iter().find(|record| {
            record.header.as_ref().is_some_and(|header| {
                header.conversation_id == conversation
                    && header.sender_device_id == sender
                    && header.counter == counter
            })
        })
    })
    .await
}
