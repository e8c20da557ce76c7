//! Answers of the server, each led to what asked.

use bytes::Bytes;
use prost::Message as _;
use xchat_proto::{
    client::{ServerFrame, server_frame::Body},
    common, convert,
};
use xchat_types::AccountId;

use super::{Engine, session::retry_after};
use crate::{conversation::Work, event::Event, input::CloseReason, link::Request, refusal};

impl Engine {
    /// One frame of the server. One that cannot be read ends the socket.
    pub(super) fn dispatch(&mut self, bytes: Bytes) {
        let Ok(ServerFrame { request_id, body }) = ServerFrame::decode(bytes) else {
            self.close(CloseReason::BadFrame, None);
            return;
        };
        let Some(body) = body else {
            // A push or an answer of a later version.
            self.desk.link.answered(request_id);
            return;
        };
        if request_id == 0 {
            self.pushed(body);
            return;
        }
        // An answer that nobody waits for is a repetition, or made up.
        let Some(request) = self.desk.link.answered(request_id) else {
            return;
        };
        if let Body::Error(error) = body {
            self.failed(request, &error);
        } else {
            self.answered(request, body);
        }
    }

    fn answered(&mut self, request: Request, body: Body) {
        match (request, body) {
            (Request::Hello, Body::Hello(hello)) => self.greeted(&hello),
            (Request::Challenge, Body::Challenge(challenge)) => self.challenged(&challenge),
            (Request::Register, Body::Register(response)) => self.registered(&response),
            (Request::Login, Body::Login(login)) => self.session(login.session.as_ref()),
            (Request::Refresh, Body::Refresh(refresh)) => self.session(refresh.session.as_ref()),
            (Request::SetUsername(_), Body::SetUsername(set)) => self.username_set(set.username),
            (Request::Lookup(name), Body::LookupUsername(found)) => {
                match convert::id::<AccountId>(&found.account_id, "account_id") {
                    Ok(account) => self.looked_up(&name, Ok(account)),
                    Err(_) => self.close(CloseReason::BadFrame, None),
                }
            }
            (Request::Publish(numbers), Body::PublishKeyPackages(_)) => {
                self.packages.published(&mut self.desk, &numbers);
                self.packages.advance(&mut self.desk);
            }
            (Request::CountPackages, Body::CountKeyPackages(counts)) => {
                self.packages.counted(&mut self.desk, &counts);
            }
            (Request::Claim(id, claim), Body::ClaimKeyPackages(claimed)) => {
                self.work(id, Work::Claimed(claim, claimed));
            }
            (Request::Resume, Body::Resume(resumed)) => self.resumed(resumed),
            (Request::ListMarks, Body::ListMarks(page)) => {
                self.marks(&page.marks, page.next_marks_after);
            }
            (Request::Submit(id, counter), Body::Submit(_)) => {
                self.work(id, Work::Accepted(counter));
            }
            (Request::Look(id), Body::Pull(pulled)) => self.looked(id, &pulled),
            (Request::Pull(id), Body::Pull(pulled)) => self.work(id, Work::Pulled(pulled)),
            (Request::Outcomes(id), Body::FetchOutcomes(outcomes)) => {
                self.work(id, Work::Outcomes(outcomes));
            }
            (Request::Tree(reference), Body::FetchTree(tree)) => self.tree(reference, &tree),
            (Request::Ack(_), Body::Ack(_)) | (Request::AckWelcome, Body::AckWelcome(_)) => {}
            _ => self.close(CloseReason::BadFrame, None),
        }
    }

    fn failed(&mut self, request: Request, error: &common::Error) {
        let (name, reason) = (request.name(), error.reason());
        let later = retry_after(error).unwrap_or(self.desk.settings.retry_ms);
        let later = self.desk.later(later);
        match request {
            Request::Register => self.register_failed(error),
            Request::Login => self.login_failed(error),
            Request::Refresh => self.renew_failed(),
            Request::SetUsername(username) => {
                self.desk.event(Event::UsernameRefused { username, reason });
            }
            Request::Lookup(name) => {
                if refusal::is_unknown_name(reason) {
                    self.looked_up(&name, Err(reason));
                } else {
                    self.directory.retry_later(later);
                }
            }
            Request::Publish(numbers) => {
                if refusal::is_final_for_packages(reason) {
                    self.refused_request(name, reason, error);
                    self.packages.refused(&mut self.desk, &numbers);
                } else {
                    self.packages.retry_later(later);
                }
            }
            Request::CountPackages => {
                self.packages.recount();
                self.packages.retry_later(later);
            }
            Request::Claim(id, claim) => self.work(id, Work::ClaimFailed(claim, error.clone())),
            Request::Submit(id, counter) => {
                self.work(id, Work::SubmitFailed(counter, error.clone()));
            }
            Request::Pull(id) => self.work(id, Work::PullFailed(error.clone())),
            Request::Ack(id) => self.work(id, Work::AckFailed(error.clone())),
            Request::Outcomes(id) => self.work(id, Work::OutcomesFailed(error.clone())),
            Request::Tree(reference) => self.tree_failed(reference, error),
            // Without these there is nothing to go on with on this socket.
            Request::Hello | Request::Challenge | Request::Resume | Request::ListMarks => {
                self.refused_request(name, reason, error);
                self.close(refusal::of_closing(reason), retry_after(error));
            }
            // What it would have shown, the next process asks for again.
            Request::AckWelcome | Request::Look(_) => {}
        }
    }

    fn username_set(&mut self, username: String) {
        let Some(identity) = &mut self.desk.identity else {
            return;
        };
        identity.row.username = Some(username.clone());
        identity.store(&mut self.desk.unit);
        self.desk.event(Event::UsernameSet { username });
    }
}
