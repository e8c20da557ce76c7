use super::*;

#[derive(Debug, thiserror::Error)]
#[error("secret detail 4711")]
struct Oops(Code, Reason);

impl ServiceError for Oops {
    fn code(&self) -> Code {
        self.0
    }

    fn reason(&self) -> Reason {
        self.1
    }

    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_millis(2_500))
    }
}

#[test]
fn a_refusal_survives_the_way_through_a_status() {
    let status = to_status(&Oops(Code::Exhausted, Reason::RateLimited));
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let failure = failure(&status);
    assert_eq!(failure.reason(), Reason::RateLimited);
    assert_eq!(failure.retry_after_ms, 2_500);
    assert_eq!(failure.correlation_id.len(), 16);
    assert_eq!(failure.message, "secret detail 4711");
}

#[test]
fn internal_text_never_leaves_the_process() {
    for (code, reason) in [
        (Code::Internal, Reason::Internal),
        (Code::Unavailable, Reason::Unavailable),
    ] {
        let status = to_status(&Oops(code, reason));
        assert!(!status.message().contains("4711"), "{status:?}");
        assert!(!failure(&status).message.contains("4711"));
    }
}

#[test]
fn a_status_that_no_service_made_gets_the_reason_that_fits() {
    for (status, reason) in [
        (Status::deadline_exceeded("x"), Reason::Timeout),
        (Status::cancelled("Timeout expired"), Reason::Timeout),
        (
            Status::unavailable("tcp connect error"),
            Reason::Unavailable,
        ),
        (Status::unknown("h2 protocol error"), Reason::Unavailable),
        (
            Status::resource_exhausted("h2: enhance your calm"),
            Reason::Unavailable,
        ),
        (
            Status::out_of_range("decoded message too large"),
            Reason::TooLarge,
        ),
        (Status::unimplemented(""), Reason::Internal),
        (
            Status::with_details(tonic::Code::Internal, "", Bytes::from_static(b"\xff\xff")),
            Reason::Internal,
        ),
    ] {
        assert_eq!(failure(&status).reason(), reason, "{status:?}");
    }
}
