//! What a house tells a collector: one trace from a submit to a socket, every metric that the docs
//! list and no other, log lines; and of nobody who they are.

mod collector;
mod secrets;
#[cfg(not(feature = "fleet"))]
mod tls;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::TcpListener,
    path::Path,
    time::{Duration, Instant},
};

use futures_util::{SinkExt as _, StreamExt as _};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpSocket;
use tokio_tungstenite::{connect_async, tungstenite};
use xchat_integration_tests::{House, Person, Shape};
use xchat_proto::{
    API_VERSION, Message as _,
    client::{ClientFrame, HelloRequest, client_frame::Body},
};
use xchat_sdk::Event;

use self::{
    collector::{Collector, Kept},
    secrets::{Secret, found},
};
use crate::house_with;

const BODY: &str = "canary-body-51b0c7";
const ALICE: &str = "telemetryalice4";
const BOB: &str = "telemetrybob8";

/// The spans of a message, from its socket back to its submit.
const WAY: [&str; 6] = [
    "gateway.deliver",
    "fanout.deliver",
    "fanout.fold",
    "fanout.append",
    "fanout.submit",
    "gateway.submit",
];

fn exporting(shape: Shape, endpoint: &str, sampling: &str) -> House {
    let settings = [
        ("telemetry__endpoint", endpoint),
        ("telemetry__sampling", sampling),
        ("telemetry__interval", "100ms"),
    ];
    house_with(shape, &settings)
}

/// Two people talk, and one asks for a name that nobody has. Returns what must stay between them.
async fn talk(house: &House) -> Vec<Secret> {
    let mut alice = Person::register(&house.server(), ALICE).await;
    let mut bob = Person::register(&house.server(), BOB).await;
    let request = alice.send_to_name(BOB, "a request").await;
    alice.sent(request).await;
    bob.received("a request").await;
    bob.accept(&alice).await;
    let sent = alice.send(&bob, BODY).await;
    alice.sent(sent).await;
    bob.received(BODY).await;
    alice.send_to_name("nobody", "hello?").await;
    let refused = |event: &Event| matches!(event, Event::NotSent { .. }).then_some(());
    alice.expect("the end of a text to nobody", refused).await;

    let mut secrets = Vec::new();
    let mut keep = |what: String, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        secrets.push(Secret { what, bytes });
    };
    keep("the text".to_owned(), BODY.as_bytes());
    for person in [&mut alice, &mut bob] {
        let name = person.name.clone();
        let profile = person.client().profile().await.unwrap().unwrap();
        keep(format!("the name of {name}"), name.as_bytes());
        keep(format!("the account of {name}"), profile.account.as_bytes());
        keep(format!("the device of {name}"), profile.device.as_bytes());
        for conversation in person.client().conversations().await.unwrap() {
            keep(
                format!("a conversation of {name}"),
                conversation.id.as_bytes(),
            );
        }
        person.close().await;
    }
    assert!(secrets.len() >= 9, "a conversation of each is known");
    secrets
}

async fn one_trace(shape: Shape) {
    let collector = Collector::start().await;
    let mut house = exporting(shape, &collector.endpoint(), "1");
    let secrets = talk(&house).await;
    house.stop();
    let kept = collector.kept();
    check_traces(&kept, shape);
    check_metrics(&kept);
    check_lines(&kept);

    // What is told to the collector is looked into: this is there, and can be found.
    let there = [Secret {
        what: "a span".to_owned(),
        bytes: b"gateway.submit".to_vec(),
    }];
    assert_eq!(found(&there, &kept.bytes), ["a span as bytes"]);
    assert_eq!(found(&secrets, &kept.bytes), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_one_trace_and_nobody_is_named_in_one_process() {
    one_trace(Shape::OneProcess).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_one_trace_and_nobody_is_named_between_four_processes() {
    one_trace(Shape::FourProcesses).await;
}

fn check_traces(kept: &Kept, shape: Shape) {
    let by_id: BTreeMap<&[u8], &(String, Span)> = kept
        .spans
        .iter()
        .map(|both| (both.1.span_id.as_slice(), both))
        .collect();
    assert_eq!(by_id.len(), kept.spans.len(), "a span is told once");
    let back = |span: &Span| -> Vec<&(String, Span)> {
        let way =
            std::iter::successors(by_id.get(span.span_id.as_slice()).copied(), |(_, span)| {
                (!span.parent_span_id.is_empty()).then(|| by_id[span.parent_span_id.as_slice()])
            });
        way.collect()
    };
    let mut submits = BTreeSet::new();
    for (_, span) in kept.spans.iter().filter(|(_, span)| span.name == WAY[0]) {
        let way = back(span);
        let names: Vec<&str> = way.iter().map(|(_, span)| span.name.as_str()).collect();
        assert_eq!(names, WAY);
        assert!(way.iter().all(|(_, other)| other.trace_id == span.trace_id));
        let services: Vec<&str> = way.iter().map(|(service, _)| service.as_str()).collect();
        for (name, service) in names.iter().zip(services) {
            let role = name.split('.').next().unwrap();
            let process = if shape == Shape::OneProcess && !cfg!(feature = "fleet") {
                "xchat-server".to_owned()
            } else {
                format!("xchat-{role}")
            };
            assert!(service.contains(&format!("\"{process}\"")), "{service}");
        }
        submits.extend(way.last().map(|(_, root)| root.span_id.clone()));
    }
    // Genesis, bundle, request, accept and text at least, each to a device that was there.
    assert!(submits.len() >= 4, "only {} were delivered", submits.len());

    // What a trace asks on its way belongs to it, over gRPC and at the stores.
    for (child, parent) in [
        ("message_store.mutate", "fanout.fold"),
        (
            "xchat.presence.v1.PresenceService/SetRoute",
            "gateway.resume",
        ),
        (
            "xchat.identity.v1.IdentityService/Register",
            "gateway.register",
        ),
    ] {
        let of = kept.spans.iter().filter(|(_, span)| span.name == child);
        let mut parents = of.map(|(_, span)| back(span)[1].1.name.as_str()).peekable();
        assert!(parents.peek().is_some(), "no {child}");
        assert!(parents.all(|name| name == parent), "{child}");
    }
    // Devices begin traces, and nothing else does.
    let roots = kept
        .spans
        .iter()
        .filter(|(_, span)| span.parent_span_id.is_empty());
    for (_, root) in roots {
        assert!(root.name.starts_with("gateway."), "{}", root.name);
    }
}

fn check_metrics(kept: &Kept) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let docs = fs::read_to_string(docs).unwrap();
    let names: BTreeSet<&str> = kept
        .metrics
        .iter()
        .map(|(_, one)| one.name.as_str())
        .collect();
    for name in &names {
        assert!(
            docs.contains(&format!("| `{name}` |")),
            "{name} is not listed"
        );
    }
    for expected in [
        "xchat_backends_call_seconds",
        "xchat_fanout_folded_records_total",
        "xchat_fanout_lag_records",
        "xchat_fanout_owned_partitions",
        "xchat_gateway_open_sockets",
        "xchat_gateway_pushes_total",
        "xchat_identity_signups_total",
        "xchat_presence_set_routes_total",
        "xchat_runtime_rpc_seconds",
        "xchat_runtime_uptime_seconds",
    ] {
        assert!(names.contains(expected), "no {expected} in {names:?}");
    }
}

/// A refusal is logged within the trace of the request that was refused.
fn check_lines(kept: &Kept) {
    let refused = kept.lines.iter().find(|(_, line)| {
        let body = format!("{:?}", line.body);
        body.contains("request refused") && !line.trace_id.is_empty()
    });
    let (_, line) = refused.expect("the refusal of a name that nobody has");
    let of = kept
        .spans
        .iter()
        .find(|(_, span)| span.span_id == line.span_id);
    let name = of.map(|(_, span)| span.name.as_str());
    assert_eq!(
        name,
        Some("xchat.identity.v1.IdentityService/LookupUsername")
    );
}

/// Says Hello with a trace of its own choice; returns when it was answered.
async fn say_hello_within(house: &House, traceparent: &str) {
    let url = format!("ws://{}/v1/ws", house.public());
    let request = tungstenite::ClientRequestBuilder::new(url.parse().unwrap())
        .with_header("traceparent", traceparent);
    let (mut socket, _) = connect_async(request).await.unwrap();
    let hello = HelloRequest {
        api_version: API_VERSION,
        client: "tests".to_owned(),
    };
    let frame = ClientFrame {
        request_id: 1,
        body: Some(Body::Hello(hello)),
    };
    let frame = tungstenite::Message::Binary(frame.encode_to_vec().into());
    socket.send(frame).await.unwrap();
    socket.next().await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_can_neither_name_its_trace_nor_have_it_sampled() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    for (sampling, spans) in [("0", false), ("1", true)] {
        let collector = Collector::start().await;
        let mut house = exporting(Shape::OneProcess, &collector.endpoint(), sampling);
        say_hello_within(&house, &traceparent).await;
        house.stop();
        let kept = collector.kept();
        let hello = kept
            .spans
            .iter()
            .any(|(_, span)| span.name == "gateway.hello");
        assert_eq!(hello, spans, "sampled at {sampling}");
        let bytes = hex::decode(trace).unwrap();
        let what = "the client's trace".to_owned();
        assert_eq!(found(&[Secret { what, bytes }], &kept.bytes), [""; 0]);
        assert!(!kept.metrics.is_empty(), "the house did export");
    }
}

/// People talk all the same, and the server stops in good time.
async fn undisturbed(endpoint: &str) -> (String, usize) {
    let mut house = exporting(Shape::OneProcess, endpoint, "1");
    talk(&house).await;
    let processes = house.pids().len();
    let stopping = Instant::now();
    house.stop();
    // They stop one after the other.
    let patience = Duration::from_secs(15) * u32::try_from(processes).unwrap();
    assert!(stopping.elapsed() < patience);
    (house.logs(), processes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_is_told_of_once() {
    // Bound and not listened at: nobody else gets the port, and who connects is refused.
    let held = TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", held.local_addr().unwrap());
    let (logs, processes) = undisturbed(&endpoint).await;
    drop(held);
    let told = logs.matches("the collector takes no telemetry").count();
    assert_eq!(told, processes, "each says it once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_holds_nothing_up() {
    // Connections are taken by the kernel, and nobody reads them.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    undisturbed(&format!("http://{}", deaf.local_addr().unwrap())).await;
}

#[cfg(not(feature = "fleet"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_shows_a_certificate_of_the_services_and_sees_one() {
    let (collector, ca) = (Collector::start().await, tls::authority());
    let folder = tempfile::tempdir().unwrap();
    let mut settings = tls::settings(&ca, folder.path());
    let mut tasks = tokio::task::JoinSet::new();
    let endpoint = tls::in_front_of(collector.address, &ca, &mut tasks).await;
    settings.push(("telemetry__endpoint", endpoint));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let mut house = house_with(Shape::OneProcess, &settings);
    house.stop();
    let uptime = |kept: Kept| {
        let mut metrics = kept.metrics.iter();
        metrics.any(|(_, one)| one.name == "xchat_runtime_uptime_seconds")
    };
    assert!(uptime(collector.kept()), "{}", house.logs());

    // A collector of another CA gets nothing, and the server minds only its logs.
    let (stranger, other) = (Collector::start().await, tls::authority());
    let endpoint = tls::in_front_of(stranger.address, &other, &mut tasks).await;
    let settings = settings.into_iter().map(|(key, value)| match key {
        "telemetry__endpoint" => (key, endpoint.as_str()),
        _ => (key, value),
    });
    let mut house = house_with(Shape::OneProcess, &settings.collect::<Vec<_>>());
    house.stop();
    assert!(!uptime(stranger.kept()));
    assert!(house.logs().contains("the collector takes no telemetry"));
}
