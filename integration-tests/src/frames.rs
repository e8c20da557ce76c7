//! Frames that a device may send, one of each kind: what mutation starts from.

use bytes::Bytes;
use xchat_proto::{
    API_VERSION, Message as _,
    client::{
        AckRequest, AckWelcomeRequest, ChallengeRequest, ClaimKeyPackagesRequest, ClientFrame,
        CountKeyPackagesRequest, FetchOutcomesRequest, FetchTreeRequest, HelloRequest, KeyPackage,
        ListMarksRequest, LoginRequest, LookupUsernameRequest, PublishKeyPackagesRequest,
        PullRequest, RefreshRequest, RegisterRequest, ResumeRequest, SetUsernameRequest,
        SubmitRequest, client_frame::Body,
    },
};

/// Whom and what the frames speak of.
#[derive(Clone, Debug)]
pub struct Ids {
    pub account: Bytes,
    pub device: Bytes,
    pub conversation: Bytes,
}

fn filler(len: usize) -> Bytes {
    Bytes::from(vec![5; len])
}

/// One valid frame of each kind; `testdata/frames` holds the same, as bytes.
pub fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    of(&Ids {
        account: filler(32),
        device: filler(16),
        conversation: filler(32),
    })
}

/// The same, speaking of what is there.
pub fn of(ids: &Ids) -> Vec<(&'static str, Vec<u8>)> {
    let mut bodies = account(ids);
    bodies.extend(conversation(ids));
    let frame = |body| ClientFrame {
        request_id: 7,
        body: Some(body),
    };
    bodies
        .into_iter()
        .map(|(name, body)| (name, frame(body).encode_to_vec()))
        .collect()
}

fn account(ids: &Ids) -> Vec<(&'static str, Body)> {
    let hello = HelloRequest {
        api_version: API_VERSION,
        client: "c".into(),
    };
    let register = RegisterRequest {
        signup_challenge: filler(90),
        proof: filler(16),
        certificate: filler(169),
        invite: String::new(),
        username: "someone".into(),
    };
    let login = LoginRequest {
        device_id: ids.device.clone(),
        login_nonce: filler(32),
        time_ms: 1,
        signature: filler(64),
    };
    let refresh = RefreshRequest {
        refresh_token: filler(64),
        device_id: ids.device.clone(),
        time_ms: 1,
        signature: filler(64),
    };
    let publish = PublishKeyPackagesRequest {
        packages: vec![KeyPackage {
            suite: 1,
            last_resort: true,
            key_package: filler(300),
        }],
    };
    let claim = ClaimKeyPackagesRequest {
        account_id: ids.account.clone(),
        suite: 1,
        claim_id: filler(16),
    };
    let name = || "someone".to_owned();
    vec![
        ("hello", Body::Hello(hello)),
        ("challenge", Body::Challenge(ChallengeRequest {})),
        ("register", Body::Register(register)),
        ("login", Body::Login(login)),
        ("refresh", Body::Refresh(refresh)),
        (
            "set_username",
            Body::SetUsername(SetUsernameRequest { username: name() }),
        ),
        (
            "lookup_username",
            Body::LookupUsername(LookupUsernameRequest { username: name() }),
        ),
        ("publish_key_packages", Body::PublishKeyPackages(publish)),
        (
            "count_key_packages",
            Body::CountKeyPackages(CountKeyPackagesRequest {}),
        ),
        ("claim_key_packages", Body::ClaimKeyPackages(claim)),
    ]
}

fn conversation(ids: &Ids) -> Vec<(&'static str, Body)> {
    let conversation_id = || ids.conversation.clone();
    let submit = SubmitRequest {
        payload: filler(300),
        ..SubmitRequest::default()
    };
    let pull = PullRequest {
        conversation_id: conversation_id(),
        after_sequence: 3,
        limit: 9,
    };
    let ack = AckRequest {
        conversation_id: conversation_id(),
        sequence: 3,
    };
    let outcomes = FetchOutcomesRequest {
        conversation_id: conversation_id(),
    };
    let tree = FetchTreeRequest {
        conversation_id: conversation_id(),
        epoch: 1,
        incarnation: 0,
    };
    let marks = ListMarksRequest {
        after_conversation_id: conversation_id(),
    };
    let welcome = AckWelcomeRequest {
        welcome_ref: filler(32),
    };
    vec![
        ("resume", Body::Resume(ResumeRequest {})),
        ("list_marks", Body::ListMarks(marks)),
        ("submit", Body::Submit(submit)),
        ("pull", Body::Pull(pull)),
        ("ack", Body::Ack(ack)),
        ("fetch_outcomes", Body::FetchOutcomes(outcomes)),
        ("fetch_tree", Body::FetchTree(tree)),
        ("ack_welcome", Body::AckWelcome(welcome)),
    ]
}
