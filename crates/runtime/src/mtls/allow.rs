//! Who may call what: a request of anybody else never reaches the service.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use futures_util::future::Either;
use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use super::Caller;
use crate::service::Callers;

/// What load balancers and orchestrators ask, whoever they are.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// A layer that lets through what the list allows to the roles in the caller's certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllowList(pub(crate) &'static [Callers]);

/// A service behind the list.
#[derive(Clone, Debug)]
pub(crate) struct Allowed<S> {
    list: &'static [Callers],
    inner: S,
}

impl<S> Layer<S> for AllowList {
    type Service = Allowed<S>;

    fn layer(&self, inner: S) -> Allowed<S> {
        let list = self.0;
        Allowed { list, inner }
    }
}

impl<S, B> Service<Request<B>> for Allowed<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        let caller = request.extensions().get::<Caller>();
        if allows(self.list, path, caller) {
            return Either::Left(self.inner.call(request));
        }
        tracing::warn!(path, ?caller, "a peer may not call this");
        let refused = Status::permission_denied("this role may not call this");
        Either::Right(ready(Ok(refused.into_http())))
    }
}

fn allows(list: &[Callers], path: &str, caller: Option<&Caller>) -> bool {
    if path.starts_with(HEALTH) {
        return true;
    }
    let Some(caller) = caller else { return false };
    list.iter()
        .filter(|callers| path.starts_with(callers.path))
        .any(|callers| caller.is_one_of(callers.roles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_calls_what_the_list_says_and_nothing_else() {
        let list = [
            Callers {
                path: "/a.A/Read",
                roles: &["gateway", "fanout"],
            },
            Callers {
                path: "/a.A/Write",
                roles: &["gateway"],
            },
        ];
        let gateway = Caller::from(vec!["gateway".to_owned()]);
        let fanout = Caller::from(vec!["fanout".to_owned()]);
        assert!(allows(&list, "/a.A/Write", Some(&gateway)));
        assert!(allows(&list, "/a.A/Read", Some(&fanout)));
        for (path, caller) in [
            ("/a.A/Write", Some(&fanout)),
            ("/a.A/Read", Some(&Caller::default())),
            ("/a.A/Read", None),
            ("/b.B/Read", Some(&gateway)),
            ("", Some(&gateway)),
        ] {
            assert!(!allows(&list, path, caller), "{path} {caller:?}");
        }
        assert!(allows(&list, "/grpc.health.v1.Health/Check", None));
    }
}
