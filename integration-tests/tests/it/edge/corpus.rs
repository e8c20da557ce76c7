//! The corpus: committed, and whole.

use std::collections::BTreeMap;

use xchat_integration_tests::frames::corpus;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_committed_corpus_is_one_valid_frame_of_each_kind() {
    let mut committed = BTreeMap::new();
    for entry in std::fs::read_dir(format!("{ROOT}/testdata/frames")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        committed.insert(name, std::fs::read(path).unwrap());
    }
    let made: BTreeMap<String, Vec<u8>> = corpus()
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    assert!(
        made == committed,
        "testdata/frames differs: write it anew (cargo run -p xchat-integration-tests \
         --example frames) if the format has changed"
    );
}

#[test]
fn the_corpus_misses_no_kind_of_request() {
    let proto = format!("{ROOT}/proto/xchat/client/v1/frame.proto");
    let proto = std::fs::read_to_string(proto).unwrap();
    let frame = proto.split_once("message ClientFrame").unwrap().1;
    let body = frame.split_once("oneof body {").unwrap().1;
    let body = body.split_once('}').unwrap().0;
    let kinds: BTreeMap<&str, u32> = body
        .lines()
        .filter_map(|line| {
            let (field, number) = line.trim().strip_suffix(';')?.split_once(" = ")?;
            Some((field.split_whitespace().last()?, number.parse().ok()?))
        })
        .collect();
    assert!(kinds.len() >= 18, "{kinds:?}");
    let corpus: BTreeMap<&str, u32> = corpus()
        .into_iter()
        .map(|(name, bytes)| (name, field(&bytes)))
        .collect();
    assert_eq!(corpus, kinds);
}

/// Number of the body's field: it follows the request id 7, two bytes (Protocol Buffers encoding,
/// "Message Structure").
fn field(frame: &[u8]) -> u32 {
    assert_eq!(frame[..2], [8, 7]);
    let low = u32::from(frame[2] & 0x7f);
    let high = if frame[2] & 0x80 == 0 { 0 } else { frame[3] };
    (low | u32::from(high) << 7) >> 3
}
