//! Somebody with one device, whose group is opened from its rows again after every step.

use std::collections::BTreeMap;

use xchat_crypto::{Certificate, SecretKey, certificate::Grant, derive};
use xchat_mls::{
    ApplicationBytes, Change, CommitBundle, Device, Direct, EpochAuthenticator, Extensions,
    Founding, Genesis, Group, Invitation, KeyPackageBytes, KeyPackages, Leaf, LeafIndex,
    RatchetTreeBytes, RowChange, RowValue, Rows, Suite, WelcomeBytes,
    group::{Applied, ApplyError, DecryptError, JoinError},
};
use xchat_types::{
    AccountId, ConversationId, Counter, DeviceId, Epoch, Header, Incarnation, Millis, RecordKind,
};

use crate::server::{self, Server};

pub(crate) const CONVERSATION: ConversationId = ConversationId::new([0xc0; 32]);

#[derive(Default)]
pub(crate) struct Disk(BTreeMap<Vec<u8>, RowValue>);

impl Disk {
    pub(crate) fn write(&mut self, changes: Vec<RowChange>) {
        for change in changes {
            match change.value {
                Some(value) => self.0.insert(change.key, value),
                None => self.0.remove(&change.key),
            };
        }
    }

    pub(crate) fn rows(&self) -> Rows {
        Rows::from_entries(self.0.clone())
    }
}

pub(crate) struct Person {
    pub(crate) root: SecretKey,
    pub(crate) device: Device,
    pub(crate) packages: KeyPackages,
    disk: Disk,
    group: Option<Group>,
    counter: u64,
}

/// A certificate by the root for the device.
pub(crate) fn certificate(root: &SecretKey, device: &SecretKey) -> Certificate {
    let grant = Grant {
        root: root.public(),
        device: device.public(),
        not_before: Millis(1_700_000_000_000),
        may_certify: false,
    };
    Certificate::issue(&grant, root)
}

/// A device of the account whose root key is made from `account`.
pub(crate) fn device(account: u8, device: u8) -> (SecretKey, Device) {
    let root = SecretKey::from_seed([account; 32]);
    let key = SecretKey::from_seed([device.wrapping_add(100); 32]);
    let certificate = certificate(&root, &key);
    let id = derive::account_id(&root.public());
    (root, Device::new(key, id, &[certificate]).unwrap())
}

impl Person {
    pub(crate) fn new(seed: u8) -> Self {
        Self::with_device(seed, seed)
    }

    /// A further device of an account.
    pub(crate) fn with_device(account: u8, seed: u8) -> Self {
        let (root, device) = device(account, seed);
        Self {
            root,
            device,
            packages: KeyPackages::load(Rows::default()),
            disk: Disk::default(),
            group: None,
            counter: 0,
        }
    }

    pub(crate) fn account(&self) -> AccountId {
        self.device.account()
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.device.id()
    }

    pub(crate) fn group(&mut self) -> &mut Group {
        self.group.as_mut().unwrap()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.group.as_ref().map_or(Epoch(0), Group::epoch)
    }

    pub(crate) fn authenticator(&self) -> EpochAuthenticator {
        self.group.as_ref().unwrap().epoch_authenticator()
    }

    pub(crate) fn members(&self) -> Vec<Leaf> {
        self.group.as_ref().unwrap().members().unwrap()
    }

    pub(crate) fn header(&mut self, kind: RecordKind) -> Header {
        self.counter += 1;
        Header {
            conversation: CONVERSATION,
            incarnation: Incarnation(0),
            epoch: self.epoch(),
            sender: self.id(),
            counter: Counter(self.counter),
            kind,
            created_at: server::now(),
        }
    }

    /// Persists, and goes on with what the disk has.
    pub(crate) fn restart(&mut self) {
        let mut group = self.group.take().unwrap();
        self.disk.write(group.take_changes());
        let again = Group::load(CONVERSATION, Incarnation(0), self.disk.rows()).unwrap();
        assert_eq!(again.epoch_authenticator(), group.epoch_authenticator());
        assert_eq!(again.has_pending_commit(), group.has_pending_commit());
        self.group = Some(again);
    }

    pub(crate) fn found(&mut self, suite: Suite, extensions: Extensions) -> (Header, Genesis) {
        let founding = Founding {
            conversation: CONVERSATION,
            incarnation: Incarnation(0),
            suite,
            extensions,
            now: server::now(),
        };
        let (group, genesis) = Group::create(&self.device, &founding).unwrap();
        self.group = Some(group);
        self.restart();
        (self.header(RecordKind::Genesis), genesis)
    }

    pub(crate) fn package(&mut self, suite: Suite) -> KeyPackageBytes {
        let made = self
            .packages
            .generate(&self.device, suite, server::now(), false);
        made.unwrap().bytes
    }

    pub(crate) fn commit(&mut self, change: &Change) -> (Header, CommitBundle) {
        let header = self.header(RecordKind::CommitBundle);
        let device = self.device.clone();
        let bundle = self.group().commit(&device, &header, change).unwrap();
        self.restart();
        (header, bundle)
    }

    pub(crate) fn join(
        &mut self,
        welcome: &WelcomeBytes,
        tree: &RatchetTreeBytes,
    ) -> Result<(), JoinError> {
        let invitation = Invitation {
            conversation: CONVERSATION,
            incarnation: Incarnation(0),
            welcome,
            tree,
        };
        let group = Group::join(&mut self.packages, &self.device, &invitation)?;
        self.group = Some(group);
        self.restart();
        Ok(())
    }

    /// Applies a commit as it comes from the log, with the server's word on when.
    pub(crate) fn apply(
        &mut self,
        server: &Server,
        header: &Header,
        bundle: &CommitBundle,
    ) -> Result<Applied, ApplyError> {
        let case = server.case(header, bundle);
        let applied = self.group().apply_commit(&case);
        if applied.is_ok() {
            self.restart();
        } else {
            self.group().revert().unwrap();
        }
        applied
    }

    pub(crate) fn say(&mut self, text: &str) -> (Header, ApplicationBytes) {
        let header = self.header(RecordKind::Application);
        let device = self.device.clone();
        let sealed = self.group().encrypt(&device, &header, text.as_bytes());
        self.restart();
        (header, sealed.unwrap())
    }

    pub(crate) fn hear(
        &mut self,
        header: &Header,
        message: &ApplicationBytes,
    ) -> Result<String, DecryptError> {
        let decrypted = self.group().decrypt(header, message)?;
        assert_eq!(decrypted.device, header.sender);
        self.restart();
        Ok(String::from_utf8(decrypted.plaintext.to_vec()).unwrap())
    }
}

pub(crate) fn direct(one: &Person, other: &Person) -> Extensions {
    Extensions::direct(Direct::between(one.account(), other.account()).unwrap())
}

pub(crate) fn adding(packages: Vec<KeyPackageBytes>) -> Change {
    Change {
        add: packages,
        ..Change::default()
    }
}

pub(crate) fn removing(leaves: &[u32]) -> Change {
    Change {
        remove: leaves.iter().copied().map(LeafIndex).collect(),
        ..Change::default()
    }
}

/// Founds a group with everybody in it; the first is its owner.
pub(crate) fn gather(server: &mut Server, suite: Suite, people: &mut [&mut Person]) {
    let (owner, others) = people.split_first_mut().unwrap();
    let extensions = Extensions::group(owner.account());
    let (header, genesis) = owner.found(suite, extensions);
    server.found(&header, &genesis).unwrap();
    if others.is_empty() {
        return;
    }
    let packages = others
        .iter_mut()
        .map(|other| other.package(suite))
        .collect();
    let (header, bundle) = owner.commit(&adding(packages));
    let case_control = server.control.clone();
    let effect = server.submit(&header, &bundle).unwrap();
    server.with_control(case_control, |server| {
        owner.apply(server, &header, &bundle).unwrap()
    });
    let tree = server.tree();
    for (other, added) in others.iter_mut().zip(&effect.added) {
        other.join(&added.welcome, &tree).unwrap();
    }
}
