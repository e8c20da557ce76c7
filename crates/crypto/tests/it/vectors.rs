//! The golden vectors, computed anew. `tests/it/golden.rs` compares them with the committed files,
//! `examples/vectors.rs` writes those.

use serde_json::{Value, json};
use xchat_crypto::{
    Certificate, ControlRecord, Phrase, PublicKey, SecretKey, StoreKey,
    certificate::Grant,
    derive::{account_id, control_hash, device_id, group_id, partition, server_id},
    envelope::{HeadLink, canonical_header, digest, head_hash, head_hash_start},
    login::{LoginNonce, LoginTranscript, RefreshTranscript},
    padding::{pad, size_class},
    proof::{Challenge, solve},
    safety::SafetyNumber,
    seal::LockCost,
};
use xchat_types::{
    Bucket, BucketClass, ControlHash, ControlKind, ConversationId, Counter, Digest, Epoch, Header,
    Incarnation, JudgeVersion, Millis, RecordKind, Sequence,
};

/// Each file's name without extension, and its cases.
pub(crate) fn all() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("certificate", certificates()),
        ("control", controls()),
        ("derivations", derivations()),
        ("envelope", envelopes()),
        ("head", heads()),
        ("ids", ids()),
        ("login", logins()),
        ("padding", paddings()),
        ("phrase", phrases()),
        ("proof", proofs()),
        ("safety", safety_numbers()),
        ("store", store()),
    ]
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(bytes)
}

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

fn public(number: u8) -> PublicKey {
    key(number).public()
}

fn ids() -> Vec<Value> {
    let case = |number: u8| {
        let key = public(number);
        json!({
            "seed": hex([number; 32]),
            "public_key": hex(key),
            "account_id": hex(account_id(&key)),
            "account_text": account_id(&key).to_string(),
            "device_id": hex(device_id(&key)),
            "server_id": hex(server_id(&key)),
        })
    };
    [0, 1, 2, 0xff].into_iter().map(case).collect()
}

fn derivations() -> Vec<Value> {
    let conversations = [[0; 32], [0x11; 32], [0xfe; 32]].map(ConversationId::new);
    let mut cases = Vec::new();
    for (conversation, incarnation) in conversations.iter().zip([0, 1, u32::MAX]) {
        cases.push(json!({
            "kind": "group_id",
            "conversation": hex(conversation),
            "incarnation": incarnation,
            "group_id": hex(group_id(conversation, Incarnation(incarnation))),
        }));
    }
    for (conversation, partitions) in conversations.iter().zip([1, 256, 1_000_003]) {
        cases.push(json!({
            "kind": "partition",
            "key": hex([0x42; 32]),
            "conversation": hex(conversation),
            "partitions": partitions,
            "partition": partition(&[0x42; 32], conversation, partitions).0,
        }));
    }
    for (version, state) in [(1, b"".as_slice()), (2, b"some control state")] {
        cases.push(json!({
            "kind": "control_hash",
            "judge_version": version,
            "control_state": hex(state),
            "control_hash": hex(control_hash(JudgeVersion(version), state)),
        }));
    }
    cases
}

fn phrases() -> Vec<Value> {
    let case = |entropy: u8| {
        let phrase = Phrase::from_entropy([entropy; 32]);
        let root = phrase.root_key();
        json!({
            "entropy": hex([entropy; 32]),
            "words": phrase.text().as_str(),
            "root_seed": hex(root.seed().as_slice()),
            "root_public_key": hex(root.public()),
            "account_text": account_id(&root.public()).to_string(),
        })
    };
    [0, 0x7f, 0x80, 0xff].into_iter().map(case).collect()
}

fn certificates() -> Vec<Value> {
    let case = |(device, signer, may_certify): (u8, u8, bool)| {
        let grant = Grant {
            root: public(1),
            device: public(device),
            not_before: Millis(1_700_000_000_000),
            may_certify,
        };
        json!({
            "root_seed": hex([1; 32]),
            "device_seed": hex([device; 32]),
            "signer_seed": hex([signer; 32]),
            "not_before_ms": grant.not_before.0,
            "may_certify": may_certify,
            "certificate": hex(Certificate::issue(&grant, &key(signer)).to_bytes()),
        })
    };
    [(2, 1, false), (2, 1, true), (3, 2, false)]
        .into_iter()
        .map(case)
        .collect()
}

fn logins() -> Vec<Value> {
    let device = key(2);
    let server = server_id(&public(9));
    let time = Millis(1_700_000_000_123);
    let login = LoginTranscript {
        server,
        device: device_id(&device.public()),
        nonce: LoginNonce::new([0x5a; 32]),
        time,
    };
    let refresh = RefreshTranscript {
        server,
        device: device_id(&device.public()),
        token: b"a refresh token",
        time,
    };
    vec![
        json!({
            "kind": "login",
            "device_seed": hex([2; 32]),
            "server_public_key": hex(public(9)),
            "nonce": hex(login.nonce.as_bytes()),
            "time_ms": time.0,
            "transcript": hex(login.to_bytes()),
            "signature": hex(login.sign(&device)),
        }),
        json!({
            "kind": "refresh",
            "device_seed": hex([2; 32]),
            "server_public_key": hex(public(9)),
            "token": hex(refresh.token),
            "time_ms": time.0,
            "transcript": hex(refresh.to_bytes()),
            "signature": hex(refresh.sign(&device)),
        }),
    ]
}

fn controls() -> Vec<Value> {
    let (root, device) = (key(1), key(2));
    let grant = Grant {
        root: root.public(),
        device: device.public(),
        not_before: Millis(1_700_000_000_000),
        may_certify: false,
    };
    let certificate = Certificate::issue(&grant, &root);
    let case = |(kind, certificates, detail): (ControlKind, Vec<Certificate>, Vec<u8>)| {
        let record = ControlRecord {
            conversation: ConversationId::new([0x11; 32]),
            incarnation: Incarnation(1),
            kind,
            account: account_id(&root.public()),
            device: device_id(&device.public()),
            counter: Counter(7),
            created_at: Millis(1_700_000_000_456),
            certificates,
            detail,
        };
        let signed = record.sign(&device).expect("the record is small");
        json!({
            "device_seed": hex([2; 32]),
            "root_public_key": hex(root.public()),
            "conversation": hex(record.conversation),
            "incarnation": record.incarnation.0,
            "kind": kind as u8,
            "counter": record.counter.0,
            "created_at_ms": record.created_at.0,
            "certificates": record.certificates.iter().map(|c| hex(c.to_bytes())).collect::<Vec<_>>(),
            "detail": hex(&record.detail),
            "signed_control": hex(signed.to_bytes()),
        })
    };
    [
        (ControlKind::Accept, vec![], vec![]),
        (ControlKind::Decline, vec![], vec![]),
        (ControlKind::Leave, vec![certificate], vec![]),
        (ControlKind::Readd, vec![certificate], b"detail".to_vec()),
    ]
    .into_iter()
    .map(case)
    .collect()
}

fn envelopes() -> Vec<Value> {
    let case = |(kind, counter, payload): (RecordKind, u64, &[u8])| {
        let header = Header {
            conversation: ConversationId::new([0x11; 32]),
            incarnation: Incarnation(1),
            epoch: Epoch(258),
            sender: device_id(&public(2)),
            counter: Counter(counter),
            kind,
            created_at: Millis(1_700_000_000_789),
        };
        json!({
            "conversation": hex(header.conversation),
            "incarnation": header.incarnation.0,
            "epoch": header.epoch.0,
            "sender": hex(header.sender),
            "counter": counter,
            "kind": kind as u8,
            "created_at_ms": header.created_at.0,
            "payload": hex(payload),
            "canonical_header": hex(canonical_header(&header)),
            "digest": hex(digest(&header, payload)),
        })
    };
    vec![
        case((RecordKind::Genesis, 1, b"")),
        case((RecordKind::CommitBundle, 2, b"a bundle")),
        case((RecordKind::Application, 65_537, &[0xab; 300])),
        case((RecordKind::Control, 4, b"a control record")),
    ]
}

fn heads() -> Vec<Value> {
    let conversation = ConversationId::new([0x11; 32]);
    let start = head_hash_start(&conversation);
    let buckets = [
        None,
        Some((BucketClass::TenSeconds, 170_000_001)),
        Some((BucketClass::FiveMinutes, 5_666_667)),
        Some((BucketClass::OneHour, 472_223)),
    ];
    let mut previous = start;
    let mut links = Vec::new();
    for (sequence, bucket) in (1_u8..).zip(buckets) {
        let link = HeadLink {
            sequence: Sequence(sequence.into()),
            appended_at: Millis(1_700_000_001_000 + u64::from(sequence)),
            accepted_at: Millis(1_700_000_000_900 + u64::from(sequence)),
            bucket: bucket.map(|(class, index)| Bucket { class, index }),
            control_hash: ControlHash::new([sequence; 32]),
            digest: Digest::new([sequence | 0x80; 32]),
        };
        previous = head_hash(&previous, &link);
        links.push(json!({
            "sequence": sequence,
            "appended_at_ms": link.appended_at.0,
            "accepted_at_ms": link.accepted_at.0,
            "bucket": bucket.map(|(class, index)| json!({"class": class as u8, "index": index})),
            "control_hash": hex(link.control_hash),
            "digest": hex(link.digest),
            "head_hash": hex(previous),
        }));
    }
    vec![json!({
        "conversation": hex(conversation),
        "head_hash_0": hex(start),
        "links": links,
    })]
}

fn proofs() -> Vec<Value> {
    let case = |(effort, target_bits): (u8, u8)| {
        let challenge = Challenge {
            issued_at: Millis(1_700_000_000_000),
            effort,
            target_bits,
            random: [0x77; 16],
        };
        let proof = solve(&challenge, &public(1), |_| {}).expect("the effort is tiny");
        json!({
            "server_seed": hex([9; 32]),
            "root_public_key": hex(public(1)),
            "issued_at_ms": challenge.issued_at.0,
            "effort": effort,
            "target_bits": target_bits,
            "random": hex(challenge.random),
            "signed_challenge": hex(challenge.sign(&key(9)).to_bytes()),
            "proof": hex(proof.to_bytes()),
        })
    };
    [(0, 0), (0, 8), (2, 10)].into_iter().map(case).collect()
}

fn paddings() -> Vec<Value> {
    let content = |length: usize| -> Vec<u8> { (0..=u8::MAX).cycle().take(length).collect() };
    let padded = |length: usize| {
        json!({
            "kind": "padded",
            "content": hex(content(length)),
            "padded": hex(pad(content(length))),
        })
    };
    let class =
        |length: usize| json!({"kind": "class", "length": length, "class": size_class(length)});
    [0, 1, 127, 128, 200]
        .into_iter()
        .map(padded)
        .chain(
            [
                0, 128, 129, 144, 145, 1_024, 1_025, 4_097, 65_535, 65_536, 1_000_001,
            ]
            .map(class),
        )
        .collect()
}

fn safety_numbers() -> Vec<Value> {
    let case = |(one, other): (u8, u8)| {
        json!({
            "root_public_keys": [hex(public(one)), hex(public(other))],
            "safety_number": SafetyNumber::of(&public(one), &public(other)).to_string(),
        })
    };
    [(1, 2), (2, 1), (3, 4), (5, 5)]
        .into_iter()
        .map(case)
        .collect()
}

fn store() -> Vec<Value> {
    let secret = [0x33; 32];
    let store = StoreKey::new(secret);
    let table_key = store.table_key("messages", &[0x11; 32]);
    let sealed = store
        .seal(b"a place", [0x44; 24], b"a value")
        .expect("short");
    let cost = LockCost {
        memory_kib: 8,
        passes: 1,
    };
    let locked = store
        .lock(b"a passphrase", [0x55; 16], [0x66; 24], cost)
        .expect("the cost is tiny");
    vec![
        json!({
            "kind": "subkey",
            "secret": hex(secret),
            "name": "archive",
            "subkey": hex(store.subkey("archive").secret().as_slice()),
        }),
        json!({
            "kind": "table_key",
            "secret": hex(secret),
            "table": "messages",
            "id": hex([0x11; 32]),
            "sequence": 258,
            "table_key": hex(table_key.as_bytes()),
            "row": hex(table_key.row(Sequence(258))),
        }),
        json!({
            "kind": "sealed",
            "secret": hex(secret),
            "aad": hex("a place"),
            "nonce": hex([0x44; 24]),
            "plaintext": hex("a value"),
            "sealed": hex(sealed),
        }),
        json!({
            "kind": "locked",
            "secret": hex(secret),
            "passphrase": "a passphrase",
            "memory_kib": cost.memory_kib,
            "passes": cost.passes,
            "salt": hex([0x55; 16]),
            "nonce": hex([0x66; 24]),
            "locked_key": hex(locked.to_bytes()),
        }),
    ]
}
