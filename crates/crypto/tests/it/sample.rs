//! Keys, certificates and records that several tests need.

use xchat_crypto::{
    Certificate, ControlRecord, SecretKey,
    certificate::Grant,
    derive::{account_id, device_id},
};
use xchat_types::{
    AccountId, ControlKind, ConversationId, Counter, Epoch, Header, Incarnation, Millis, RecordKind,
};

pub(crate) const NOT_BEFORE: Millis = Millis(1_700_000_000_000);

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

pub(crate) fn account(root: &SecretKey) -> AccountId {
    account_id(&root.public())
}

pub(crate) fn certify(
    root: &SecretKey,
    device: &SecretKey,
    may_certify: bool,
    signer: &SecretKey,
) -> Certificate {
    let grant = Grant {
        root: root.public(),
        device: device.public(),
        not_before: NOT_BEFORE,
        may_certify,
    };
    Certificate::issue(&grant, signer)
}

pub(crate) fn header() -> Header {
    Header {
        conversation: ConversationId::new([0x11; 32]),
        incarnation: Incarnation(1),
        epoch: Epoch(2),
        sender: device_id(&key(2).public()),
        counter: Counter(3),
        kind: RecordKind::Application,
        created_at: Millis(1_700_000_000_004),
    }
}

pub(crate) fn control_record() -> ControlRecord {
    ControlRecord {
        conversation: ConversationId::new([0x11; 32]),
        incarnation: Incarnation(1),
        kind: ControlKind::Accept,
        account: account(&key(1)),
        device: device_id(&key(2).public()),
        counter: Counter(3),
        created_at: Millis(1_700_000_000_004),
        certificates: Vec::new(),
        detail: Vec::new(),
    }
}
