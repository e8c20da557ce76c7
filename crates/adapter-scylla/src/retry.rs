//! What the driver may send again by itself.

use scylla::{
    errors::{DbError, RequestAttemptError},
    policies::retry::{DefaultRetryPolicy, RequestInfo, RetryDecision, RetryPolicy, RetrySession},
};

/// The driver's default for what may be done twice. What may not is sent again only if it was
/// certainly not taken: the default would also repeat it after `Unavailable`, which a coordinator
/// answers as well when it has proposed a conditional write and then lost its replicas, and the
/// repetition would be refused by the write's own value.
#[derive(Debug)]
pub(crate) struct Repeatable;

struct Session(Box<dyn RetrySession>);

impl RetryPolicy for Repeatable {
    fn new_session(&self) -> Box<dyn RetrySession> {
        Box::new(Session(DefaultRetryPolicy::new().new_session()))
    }
}

impl RetrySession for Session {
    fn decide_should_retry(&mut self, request: RequestInfo) -> RetryDecision {
        if request.is_idempotent || was_not_taken(request.error) {
            return self.0.decide_should_retry(request);
        }
        RetryDecision::DontRetry
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}

fn was_not_taken(error: &RequestAttemptError) -> bool {
    matches!(
        error,
        RequestAttemptError::UnableToAllocStreamId
            | RequestAttemptError::DbError(DbError::IsBootstrapping, _)
    )
}

/// Whether the engine has refused the request as such: it was not taken, and never will be.
pub(crate) fn is_refusal(error: &RequestAttemptError) -> bool {
    matches!(
        error,
        RequestAttemptError::DbError(
            DbError::SyntaxError
                | DbError::Invalid
                | DbError::AuthenticationError
                | DbError::Unauthorized
                | DbError::ConfigError
                | DbError::ProtocolError,
            _
        ) | RequestAttemptError::SerializationError(_)
            | RequestAttemptError::CqlRequestSerialization(_)
    )
}

#[cfg(test)]
mod tests {
    use scylla::statement::Consistency;

    use super::*;

    fn answered(error: DbError) -> RequestAttemptError {
        RequestAttemptError::DbError(error, String::new())
    }

    #[test]
    fn a_conditional_write_is_not_repeated_after_unavailable() {
        let unavailable = answered(DbError::Unavailable {
            consistency: Consistency::Quorum,
            required: 2,
            alive: 1,
        });
        assert!(!was_not_taken(&unavailable));
        assert!(!was_not_taken(&answered(DbError::Overloaded)));
        assert!(was_not_taken(&answered(DbError::IsBootstrapping)));
    }

    #[test]
    fn what_the_engine_can_never_take_is_told_from_what_is_unknown() {
        assert!(is_refusal(&answered(DbError::Unauthorized)));
        assert!(!is_refusal(&answered(DbError::Overloaded)));
        assert!(!is_refusal(&answered(DbError::ServerError)));
    }
}
