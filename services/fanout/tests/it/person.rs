//! Somebody with one device: its MLS client, and the records it makes.

use bytes::Bytes;
use xchat_crypto::{
    Certificate, ControlRecord, SecretKey, certificate::Grant, derive, envelope::digest,
};
use xchat_fanout::domain::Record;
use xchat_mls::{
    Case, Change, CommitBundle, ControlState, Device, Extensions, Founding, Group, Invitation,
    KeyPackageBytes, KeyPackages, RatchetTreeBytes, Rows, Suite, WelcomeBytes,
};
use xchat_types::{
    AccountId, Bucket, ControlKind, ConversationId, Counter, DeviceId, Epoch, Header, Incarnation,
    JudgeVersion, Millis, RecordKind,
};

pub(crate) const DAY: u64 = 24 * 3_600_000;

pub(crate) struct Person {
    pub(crate) device: Device,
    packages: KeyPackages,
    pub(crate) group: Option<Group>,
}

/// Where and when a record is made.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) conversation: ConversationId,
    pub(crate) epoch: Epoch,
    pub(crate) counter: u64,
    pub(crate) now: Millis,
}

impl Person {
    pub(crate) fn new(account: u8, device: u8) -> Self {
        let root = SecretKey::from_seed([account; 32]);
        let key = SecretKey::from_seed([100 + device; 32]);
        let grant = Grant {
            root: root.public(),
            device: key.public(),
            not_before: Millis(1_600_000_000_000),
            may_certify: false,
        };
        let account = derive::account_id(&root.public());
        let certificate = Certificate::issue(&grant, &root);
        Self {
            device: Device::new(key, account, &[certificate]).unwrap(),
            packages: KeyPackages::load(Rows::default()),
            group: None,
        }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.device.id()
    }

    pub(crate) fn account(&self) -> AccountId {
        self.device.account()
    }

    pub(crate) fn header(&self, spot: Spot, kind: RecordKind) -> Header {
        Header {
            conversation: spot.conversation,
            incarnation: Incarnation(0),
            epoch: spot.epoch,
            sender: self.id(),
            counter: Counter(spot.counter),
            kind,
            created_at: spot.now,
        }
    }

    pub(crate) fn genesis(&mut self, spot: Spot) -> Record {
        let founding = Founding {
            conversation: spot.conversation,
            incarnation: Incarnation(0),
            suite: Suite::Classical,
            extensions: Extensions::group(self.account()),
            now: spot.now,
        };
        let (group, genesis) = Group::create(&self.device, &founding).unwrap();
        self.group = Some(group);
        record(
            self.header(spot, RecordKind::Genesis),
            genesis.to_bytes(),
            spot.now,
        )
    }

    pub(crate) fn package(&mut self, now: Millis) -> KeyPackageBytes {
        let made = self
            .packages
            .generate(&self.device, Suite::Classical, now, false);
        made.unwrap().bytes
    }

    /// A commit on the person's own state, or `None` if it can't make one.
    pub(crate) fn commit(&mut self, spot: Spot, change: &Change) -> Option<Record> {
        let header = self.header(spot, RecordKind::CommitBundle);
        let group = self.group.as_mut()?;
        let bundle = group.commit(&self.device, &header, change).ok()?;
        Some(record(header, bundle.to_bytes(), spot.now))
    }

    /// Applies what the log has accepted; drops the own commit that lost.
    pub(crate) fn apply(&mut self, record: &Record, control: &ControlState, appended_at: Millis) {
        let Some(group) = &mut self.group else { return };
        let bundle = CommitBundle::from_bytes(&record.payload).unwrap();
        let case = Case {
            version: JudgeVersion(1),
            header: &record.header,
            control,
            bundle: &bundle,
            appended_at,
        };
        if record.header.epoch == group.epoch() && group.is_active() {
            group.apply_commit(&case).unwrap();
            group.take_changes();
        }
    }

    pub(crate) fn forget_refused_commit(&mut self) {
        if let Some(group) = &mut self.group
            && group.has_pending_commit()
        {
            group.clear_pending_commit().unwrap();
            group.take_changes();
        }
    }

    pub(crate) fn join(
        &mut self,
        conversation: ConversationId,
        welcome: &WelcomeBytes,
        tree: &RatchetTreeBytes,
    ) {
        let invitation = Invitation {
            conversation,
            incarnation: Incarnation(0),
            welcome,
            tree,
        };
        let joined = Group::join(&mut self.packages, &self.device, &invitation);
        self.group = Some(joined.unwrap());
    }

    pub(crate) fn say(&self, spot: Spot, size: usize, bucket: Bucket) -> Record {
        let header = self.header(spot, RecordKind::Application);
        let payload = vec![u8::try_from(spot.counter % 251).unwrap(); size];
        Record {
            bucket: Some(bucket),
            ..record(header, payload, spot.now)
        }
    }

    pub(crate) fn control(&self, spot: Spot, kind: ControlKind) -> Record {
        let header = self.header(spot, RecordKind::Control);
        let signed = ControlRecord {
            conversation: header.conversation,
            incarnation: header.incarnation,
            kind,
            account: self.account(),
            device: self.id(),
            counter: header.counter,
            created_at: header.created_at,
            certificates: Vec::new(),
            detail: Vec::new(),
        }
        .sign(self.device.key());
        record(header, signed.unwrap().to_bytes(), spot.now)
    }
}

fn record(header: Header, payload: Vec<u8>, now: Millis) -> Record {
    Record {
        digest: digest(&header, &payload),
        header,
        accepted_at: now,
        bucket: None,
        payload: Bytes::from(payload),
        payload_expired: false,
    }
}
