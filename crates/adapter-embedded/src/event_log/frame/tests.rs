//! Bytes of each kind of frame, computed once in another language (struct and zlib.crc32 of
//! Python): logs that hold them are read for ever.

use super::*;

const PLACE: Place = Place {
    segment: 7,
    position: 0x1000,
};

const RECORD: &str = "\
    7863667200000043b49a250f0100000000000000400000000300000000000001020000018bcfe568\
    00000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f7265636f7264";
const TRACED: &str = "\
    786366720000005b06bc7c4a0300000000000000400000000300000000000001020000018bcfe568\
    00000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa0a1a2a3a4a5a6\
    a7a8a9aaabacadaeafc0c1c2c3c4c5c6c77265636f7264";
const MARK: &str = "\
    7863667200000009b2ce7534020000000000001000";

fn entry(trace: Option<TraceContext>) -> Entry {
    Entry {
        partition: PartitionId(3),
        offset: Offset(0x0102),
        appended_at: Millis(0x018b_cfe5_6800),
        conversation: ConversationId::new(std::array::from_fn(|at| u8::try_from(at).unwrap())),
        record: Bytes::from_static(b"record"),
        trace,
    }
}

fn trace() -> Option<TraceContext> {
    let from = |first: u8| move |at: usize| first + u8::try_from(at).unwrap();
    TraceContext::new(
        std::array::from_fn(from(0xa0)),
        std::array::from_fn(from(0xc0)),
    )
}

fn bytes(hex: &str) -> Bytes {
    let byte = |two: &[u8]| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap();
    hex.as_bytes().chunks(2).map(byte).collect()
}

#[test]
fn frames_are_written_as_they_always_were() {
    for (golden, entry) in [(RECORD, entry(None)), (TRACED, entry(trace()))] {
        let mut out = Vec::new();
        encode_record(&mut out, PLACE, 0x40, &entry);
        assert_eq!(out, bytes(golden));
        assert_eq!(record_size(&entry.record, entry.trace), out.len() as u64);
    }
    let mut out = Vec::new();
    encode_mark(&mut out, PLACE);
    assert_eq!(out, bytes(MARK));
    assert_eq!(out.len(), MARK_SIZE);
}

fn read(frame: impl Into<Bytes>) -> Frame {
    let found = decode_frame(PLACE, &frame.into());
    let Found::Frame(frame) = found else {
        panic!("{found:?}");
    };
    frame
}

fn sealed(body: &[u8]) -> Bytes {
    let mut out = Vec::new();
    seal(&mut out, PLACE, body);
    out.into()
}

#[test]
fn frames_of_every_kind_are_read() {
    for (golden, entry) in [(RECORD, entry(None)), (TRACED, entry(trace()))] {
        let frame = read(bytes(golden));
        assert_eq!((frame.synced, frame.entry), (0x40, Some(entry)));
        assert_eq!(frame.next, 0x1000 + golden.len() as u64 / 2);
    }
    let mark = read(bytes(MARK));
    assert_eq!((mark.synced, mark.entry), (0x1000, None));
}

#[test]
fn a_traced_record_that_is_cut_short_is_no_frame() {
    let whole = bytes(TRACED);
    let body = whole.slice(HEAD..HEAD + RECORD_BODY + TraceContext::LEN - 1);
    assert!(matches!(decode_frame(PLACE, &sealed(&body)), Found::Bad));
}

#[test]
fn a_whole_frame_of_an_unknown_kind_is_told_from_bytes_that_are_none() {
    let mut body = bytes(RECORD).slice(HEAD..).to_vec();
    for kind in [0, 4, u8::MAX] {
        body[0] = kind;
        let found = decode_frame(PLACE, &sealed(&body));
        assert!(
            matches!(found, Found::Newer(named) if named == kind),
            "{found:?}"
        );
    }
    let mut torn = sealed(&body).to_vec();
    torn[HEAD + 1] ^= 1;
    assert!(matches!(decode_frame(PLACE, &torn.into()), Found::Bad));
}
