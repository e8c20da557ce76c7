//! Frames that a device may send, one of each kind: what mutation starts from.

use bytes::Bytes;
use xchat_proto::{
    API_VERSION, Message as _,
    client::{
        AckRequest, ChallengeRequest, ClientFrame, HelloRequest, LoginRequest, PullRequest,
        RefreshRequest, RegisterRequest, ResumeRequest, SubmitRequest, client_frame::Body,
    },
};

/// One valid frame of each kind; `testdata/frames` holds the same, as bytes.
pub fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |body| {
        ClientFrame {
            request_id: 7,
            body: Some(body),
        }
        .encode_to_vec()
    };
    let id = |len| Bytes::from(vec![5; len]);
    vec![
        (
            "hello",
            frame(Body::Hello(HelloRequest {
                api_version: API_VERSION,
                client: "c".into(),
            })),
        ),
        ("challenge", frame(Body::Challenge(ChallengeRequest {}))),
        (
            "register",
            frame(Body::Register(RegisterRequest {
                signup_challenge: id(90),
                proof: id(16),
                certificate: id(169),
                invite: String::new(),
                username: "someone".into(),
            })),
        ),
        (
            "login",
            frame(Body::Login(LoginRequest {
                device_id: id(16),
                login_nonce: id(32),
                time_ms: 1,
                signature: id(64),
            })),
        ),
        (
            "refresh",
            frame(Body::Refresh(RefreshRequest {
                refresh_token: id(64),
                device_id: id(16),
                time_ms: 1,
                signature: id(64),
            })),
        ),
        ("resume", frame(Body::Resume(ResumeRequest {}))),
        (
            "submit",
            frame(Body::Submit(SubmitRequest {
                payload: id(300),
                ..Default::default()
            })),
        ),
        (
            "pull",
            frame(Body::Pull(PullRequest {
                conversation_id: id(32),
                after_sequence: 3,
                limit: 9,
            })),
        ),
        (
            "ack",
            frame(Body::Ack(AckRequest {
                conversation_id: id(32),
                sequence: 3,
            })),
        ),
    ]
}
