use bytes::Bytes;
use xchat_types::{ConversationId, Counter, Epoch, Incarnation};

use super::*;

const NOW: Millis = Millis(1_800_000_000_000);
const SESSION: DeviceId = DeviceId::new([5; 16]);
const SIZES: Sizes = Sizes {
    application: 1_000,
    handshake: 2_000,
};

fn header() -> Header {
    Header {
        conversation: ConversationId::new([1; 32]),
        incarnation: Incarnation(0),
        epoch: Epoch(1),
        sender: SESSION,
        counter: Counter(1),
        kind: RecordKind::Application,
        created_at: NOW,
    }
}

fn submit(header: &Header, payload: &'static [u8]) -> client::SubmitRequest {
    client::SubmitRequest {
        header: Some(common::Header::from(header)),
        digest: convert::id_bytes(&digest(header, payload)),
        payload: Bytes::from_static(payload),
        retention_ms: 0,
    }
}

fn reason(submit: client::SubmitRequest) -> Reason {
    admit(submit, SESSION, SIZES, NOW).unwrap_err().reason
}

#[test]
fn a_submission_in_another_devices_name_is_refused() {
    let other = Header {
        sender: DeviceId::new([6; 16]),
        ..header()
    };
    assert_eq!(reason(submit(&other, b"x")), Reason::HeaderMismatch);
}

#[test]
fn an_empty_and_a_too_large_payload_are_refused_by_the_limit_of_their_kind() {
    static LARGE: [u8; 1_001] = [0; 1_001];
    assert_eq!(reason(submit(&header(), b"")), Reason::Empty);
    assert_eq!(reason(submit(&header(), &LARGE)), Reason::TooLarge);
    let control = Header {
        kind: RecordKind::Control,
        ..header()
    };
    assert_ne!(reason(submit(&control, &LARGE)), Reason::TooLarge);
}

#[test]
fn a_digest_that_does_not_cover_the_header_is_refused() {
    let mut changed = submit(&header(), b"x");
    changed.header.as_mut().unwrap().counter = 2;
    assert_eq!(reason(changed), Reason::DigestMismatch);
}

#[test]
fn bytes_that_are_not_mls_of_that_group_are_refused() {
    assert_eq!(
        reason(submit(&header(), b"not MLS")),
        Reason::HeaderMismatch
    );
}

#[test]
fn an_envelope_from_the_future_is_a_clock_that_is_off() {
    let ahead = Header {
        created_at: NOW.saturating_add(86_400_000),
        ..header()
    };
    assert_eq!(reason(submit(&ahead, b"x")), Reason::ClockSkew);
}

#[test]
fn a_missing_header_and_a_zero_counter_are_malformed() {
    let none = client::SubmitRequest {
        header: None,
        ..submit(&header(), b"x")
    };
    assert_eq!(reason(none), Reason::Malformed);
    let zero = Header {
        counter: Counter(0),
        ..header()
    };
    assert_eq!(reason(submit(&zero, b"x")), Reason::Malformed);
}

#[test]
fn an_expired_payload_stays_out_of_the_log_but_its_header_goes_in() {
    let old = Header {
        created_at: NOW.saturating_sub(3_600_000),
        ..header()
    };
    let request = client::SubmitRequest {
        retention_ms: 1_000,
        ..submit(&old, b"secret")
    };
    let made = record(request, &old, NOW);
    assert!(made.payload_expired && made.payload.is_empty() && made.header.is_some());
    let fresh = record(submit(&header(), b"secret"), &header(), NOW);
    assert!(!fresh.payload_expired && !fresh.payload.is_empty() && fresh.bucket.is_some());
}
