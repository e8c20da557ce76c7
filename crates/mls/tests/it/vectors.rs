//! What the golden vectors of `testdata/mls/` hold, computed.

use serde_json::{Value, json};
use xchat_crypto::{Certificate, ControlRecord, SecretKey, certificate::Grant, derive};
use xchat_mls::{ControlState, Leaf, LeafIndex, control_hash, credential};
use xchat_types::{
    ControlKind, ConversationId, Counter, Epoch, Header, Incarnation, JudgeVersion, Millis,
    RecordKind,
};

/// File names, with their cases.
pub(crate) fn all() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("credential", credentials()),
        ("control_state", control_states()),
    ]
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn certify(root: &SecretKey, device: &SecretKey, signer: &SecretKey) -> Certificate {
    let grant = Grant {
        root: root.public(),
        device: device.public(),
        not_before: Millis(1_700_000_000_000),
        may_certify: root == signer,
    };
    Certificate::issue(&grant, signer)
}

fn hex_of(certificates: &[Certificate]) -> Vec<String> {
    certificates
        .iter()
        .map(|c| hex::encode(c.to_bytes()))
        .collect()
}

/// One device certified by its root, and one certified by that device.
fn credentials() -> Vec<Value> {
    let [root, first, second] = [1, 2, 3].map(key);
    let by_root = certify(&root, &first, &root);
    let by_first = certify(&root, &second, &first);
    let account = derive::account_id(&root.public());
    [(&first, vec![by_root]), (&second, vec![by_first, by_root])]
        .into_iter()
        .map(|(device, chain)| {
            let id = derive::device_id(&device.public());
            let bytes = credential::encode(&account, &id, &chain);
            json!({
                "root_public_key": hex::encode(root.public()),
                "device_public_key": hex::encode(device.public()),
                "certificates": hex_of(&chain),
                "credential": hex::encode(bytes.as_bytes()),
            })
        })
        .collect()
}

/// Nobody has left; then one of three; then two.
fn control_states() -> Vec<Value> {
    let accounts = [10, 20, 30];
    let leaves: Vec<Leaf> = (0..)
        .zip(accounts)
        .map(|(index, seed)| leaf(index * 100, seed))
        .collect();
    let mut state = ControlState::default();
    let mut departures = Vec::new();
    let mut cases = vec![control_state(&state, &departures)];
    for (leaf, seed) in leaves.iter().zip(accounts).take(2) {
        let header = header(leaf);
        let record = ControlRecord {
            conversation: header.conversation,
            incarnation: header.incarnation,
            kind: ControlKind::Leave,
            account: leaf.account,
            device: leaf.device,
            counter: header.counter,
            created_at: header.created_at,
            certificates: Vec::new(),
            detail: Vec::new(),
        };
        let signed = record.sign(&key(seed + 1)).unwrap();
        state = state.apply(&header, &signed, &leaves).unwrap().next;
        departures.push(json!({
            "device_public_key": hex::encode(leaf.key),
            "leaf_index": leaf.index.0,
            "signed_control": hex::encode(signed.to_bytes()),
        }));
        cases.push(control_state(&state, &departures));
    }
    cases
}

fn leaf(index: u32, seed: u8) -> Leaf {
    let device = key(seed + 1).public();
    Leaf {
        index: LeafIndex(index),
        account: derive::account_id(&key(seed).public()),
        device: derive::device_id(&device),
        key: device,
    }
}

fn header(leaf: &Leaf) -> Header {
    Header {
        conversation: ConversationId::new([0xc0; 32]),
        incarnation: Incarnation(0),
        epoch: Epoch(3),
        sender: leaf.device,
        counter: Counter(5),
        kind: RecordKind::Control,
        created_at: Millis(1_700_000_000_000),
    }
}

fn control_state(state: &ControlState, departures: &[Value]) -> Value {
    json!({
        "departures": departures,
        "control_state": hex::encode(state.to_bytes()),
        "judge_version": 1,
        "control_hash": hex::encode(control_hash(state, JudgeVersion(1))),
    })
}
