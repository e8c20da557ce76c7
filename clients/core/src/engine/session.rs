//! From a fresh socket to a session: greeting, sign-up, login, renewal, resume.

use xchat_crypto::{
    derive,
    login::{LoginNonce, LoginTranscript, RefreshTranscript},
    sign::PublicKey,
};
use xchat_proto::{
    API_VERSION,
    client::{self, client_frame::Body},
    common::{self, Reason},
    convert,
};
use xchat_types::{AccountId, Millis, ServerId};

use super::Engine;
use crate::{
    conversation::{Conversation, Work},
    event::{Connection, Event, SecurityEvent, Warning},
    input::CloseReason,
    link::{Request, Session},
    refusal,
};

impl Engine {
    pub(super) fn connected(&mut self) {
        self.forget_socket();
        self.desk.link.connect();
        self.desk.event(Event::Connection(Connection::Greeting));
        let hello = client::HelloRequest {
            api_version: API_VERSION,
            client: self.desk.settings.client.chars().take(64).collect(),
        };
        self.desk.request(Request::Hello, Body::Hello(hello));
    }

    pub(super) fn disconnected(&mut self) {
        if self.desk.link.is_online() {
            self.desk.event(Event::Connection(Connection::Offline));
        }
        self.forget_socket();
    }

    fn forget_socket(&mut self) {
        self.desk.link.disconnect();
        self.signup = None;
        self.packages.disconnected();
        self.welcomes.clear();
        self.marks_open = false;
        for conversation in self.conversations.values_mut() {
            conversation.disconnected();
        }
        for command in self.directory.disconnected() {
            self.give_up(command);
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason, reconnect_after: Option<u64>) {
        let generation = self.desk.link.generation;
        self.desk.unit.close(generation, reason, reconnect_after);
    }

    pub(super) fn greeted(&mut self, hello: &client::HelloResponse) {
        if hello.api_version != API_VERSION {
            self.desk.event(Event::Warning(Warning::ServerVersion {
                server: hello.api_version,
                client: API_VERSION,
            }));
            self.close(CloseReason::Version, None);
            return;
        }
        let Some(server) = server_id(hello) else {
            self.close(CloseReason::BadFrame, None);
            return;
        };
        let pinned = self.desk.identity.as_ref();
        let pinned = pinned.and_then(|identity| identity.row.server);
        if pinned.is_some_and(|pinned| pinned != server) {
            self.desk.event(Event::Warning(Warning::OtherServer));
            self.close(CloseReason::OtherServer, None);
            return;
        }
        self.server = Some(server);
        self.desk
            .link
            .set_server_time(self.desk.now, Millis(hello.time_ms));
        self.warn_of_clock();
        match &self.desk.identity {
            None => self.set_connection(Connection::Unregistered),
            Some(_) => self.challenge(),
        }
    }

    fn warn_of_clock(&mut self) {
        let milliseconds = self.desk.link.clock_error();
        let warning = if self.desk.link.clock_stops() {
            Warning::ClockStopped { milliseconds }
        } else if self.desk.link.clock_is_off() {
            Warning::ClockOff { milliseconds }
        } else {
            return;
        };
        self.desk.event(Event::Warning(warning));
    }

    /// Asks for a challenge: its two halves serve sign-up and login.
    pub(super) fn challenge(&mut self) {
        let registered = self.desk.identity.as_ref();
        if registered.is_some_and(|identity| identity.row.registered) {
            self.set_connection(Connection::LoggingIn);
        } else {
            self.set_connection(Connection::Unregistered);
        }
        self.desk.request(
            Request::Challenge,
            Body::Challenge(client::ChallengeRequest {}),
        );
    }

    pub(super) fn challenged(&mut self, response: &client::ChallengeResponse) {
        let Some(identity) = &self.desk.identity else {
            return;
        };
        if identity.row.registered {
            self.log_in(response);
            return;
        }
        let root = identity.root();
        self.signup = Some(response.signup_challenge.to_vec());
        self.desk
            .unit
            .proof(response.signup_challenge.to_vec(), root);
    }

    /// The proof is there: the account is registered under a certificate that is stored first.
    pub(super) fn proof_solved(&mut self, proof: Vec<u8>) {
        let Some(challenge) = self.signup.take() else {
            return;
        };
        let server_time = self.desk.server_time();
        let server = self.server;
        let Some(identity) = &mut self.desk.identity else {
            return;
        };
        let Some(certificate) = identity.certificate(server_time) else {
            self.desk.event(Event::RegistrationRefused {
                reason: Reason::CertificateInvalid,
                message: "the phrase is needed to certify this device".to_owned(),
            });
            return;
        };
        identity.row.server = server;
        let register = client::RegisterRequest {
            signup_challenge: challenge.into(),
            proof: proof.into(),
            certificate: certificate.to_vec().into(),
            invite: identity.row.invite.clone().unwrap_or_default(),
            username: identity.row.wanted_username.clone().unwrap_or_default(),
        };
        identity.store(&mut self.desk.unit);
        self.desk
            .request(Request::Register, Body::Register(register));
    }

    pub(super) fn registered(&mut self, response: &client::RegisterResponse) {
        let account = convert::id::<AccountId>(&response.account_id, "account_id").ok();
        let Some(identity) = &mut self.desk.identity else {
            return;
        };
        if account != Some(identity.account) {
            self.desk.security(None, SecurityEvent::Answer);
            return;
        }
        identity.row.registered = true;
        identity.row.username = identity.row.wanted_username.take();
        identity.row.invite = None;
        identity.store(&mut self.desk.unit);
        let event = Event::Registered {
            account: identity.account,
            username: identity.row.username.clone(),
        };
        self.desk.event(event);
        self.challenge();
    }

    pub(super) fn register_failed(&mut self, error: &common::Error) {
        if error.reason() == Reason::ChallengeExpired {
            self.challenge();
            return;
        }
        self.desk.event(Event::RegistrationRefused {
            reason: error.reason(),
            message: error.message.clone(),
        });
    }

    fn log_in(&mut self, response: &client::ChallengeResponse) {
        let nonce = LoginNonce::try_from(response.login_nonce.as_ref());
        let (Ok(nonce), Some(server)) = (nonce, self.server) else {
            self.close(CloseReason::BadFrame, None);
            return;
        };
        let time = self.desk.server_time();
        let Some(identity) = &self.desk.identity else {
            return;
        };
        let device = identity.device_id();
        let transcript = LoginTranscript {
            server,
            device,
            nonce,
            time,
        };
        let login = client::LoginRequest {
            device_id: convert::id_bytes(&device),
            login_nonce: response.login_nonce.clone(),
            time_ms: time.0,
            signature: signature_bytes(transcript.sign(identity.key()).as_bytes()),
        };
        self.desk.request(Request::Login, Body::Login(login));
    }

    /// A session, from login or renewal.
    pub(super) fn session(&mut self, session: Option<&client::Session>) {
        let Some(session) = session else {
            self.close(CloseReason::BadFrame, None);
            return;
        };
        let account = convert::id::<AccountId>(&session.account_id, "account_id").ok();
        if account != self.desk.account() {
            self.desk.security(None, SecurityEvent::Answer);
            self.close(CloseReason::LoginRefused, None);
            return;
        }
        let first = self.desk.link.session.is_none();
        let expires_at = Millis(session.access_expires_at_ms);
        let lifetime = self.desk.server_time().until(expires_at);
        let renew_before = self.desk.settings.renew_before_ms.min(lifetime / 2);
        self.desk.link.session = Some(Session {
            refresh_token: session.refresh_token.to_vec(),
            renew_at: self.desk.later(lifetime.saturating_sub(renew_before)),
        });
        if first {
            self.set_connection(Connection::Syncing);
            self.resume();
        }
    }

    pub(super) fn login_failed(&mut self, error: &common::Error) {
        if error.reason() == Reason::ChallengeExpired {
            self.challenge();
            return;
        }
        self.refused_request("login", error.reason(), error);
        let reason = if refusal::is_final_for_login(error.reason()) {
            CloseReason::LoginRefused
        } else {
            CloseReason::Refused
        };
        self.close(reason, retry_after(error));
    }

    /// Renews the session on the same socket, which dies with its token.
    pub(super) fn renew(&mut self) {
        let (Some(session), Some(server)) = (&self.desk.link.session, self.server) else {
            return;
        };
        let Some(identity) = &self.desk.identity else {
            return;
        };
        let device = identity.device_id();
        let time = self.desk.server_time();
        let transcript = RefreshTranscript {
            server,
            device,
            token: &session.refresh_token,
            time,
        };
        let refresh = client::RefreshRequest {
            refresh_token: session.refresh_token.clone().into(),
            device_id: convert::id_bytes(&device),
            time_ms: time.0,
            signature: signature_bytes(transcript.sign(identity.key()).as_bytes()),
        };
        self.desk.request(Request::Refresh, Body::Refresh(refresh));
    }

    /// A socket dies with its session. A fresh one logs in by the device key.
    pub(super) fn renew_failed(&mut self) {
        self.close(CloseReason::SessionEnded, None);
    }

    /// Registers the route, then reads marks and welcomes: sent after login and after a resync.
    pub(super) fn resume(&mut self) {
        self.marks_open = true;
        self.desk
            .request(Request::Resume, Body::Resume(client::ResumeRequest {}));
    }

    pub(super) fn resumed(&mut self, response: client::ResumeResponse) {
        self.set_connection(Connection::Ready);
        self.look_at_all();
        self.offered(&response.welcomes);
        self.marks(&response.marks, response.next_marks_after);
        for welcome in response.welcomes {
            self.welcome(welcome);
        }
        let ids: Vec<_> = self.conversations.keys().copied().collect();
        for id in ids {
            let loaded = self.conversations.get(&id);
            if loaded.is_some_and(Conversation::is_loaded) {
                self.work(id, Work::Continue);
            }
        }
        self.directory.advance(&mut self.desk);
        self.packages.advance(&mut self.desk);
    }

    pub(super) fn marks(&mut self, marks: &[client::Mark], next: bytes::Bytes) {
        for mark in marks {
            if let Ok(id) = convert::id(&mark.conversation_id, "conversation_id") {
                self.marked(id);
                self.work(id, Work::Moved(xchat_types::Sequence(mark.sequence)));
            }
        }
        self.marks_open = !next.is_empty();
        if self.marks_open {
            let list = client::ListMarksRequest {
                after_conversation_id: next,
            };
            self.desk.request(Request::ListMarks, Body::ListMarks(list));
        } else {
            self.judge_unknown();
        }
    }

    pub(super) fn refused_request(
        &mut self,
        request: &'static str,
        reason: Reason,
        error: &common::Error,
    ) {
        self.desk.event(Event::ServerRefused {
            request,
            reason,
            message: error.message.clone(),
        });
    }
}

/// The server's id, if it is the hash of its key.
fn server_id(hello: &client::HelloResponse) -> Option<ServerId> {
    let key = PublicKey::try_from(hello.server_public_key.as_ref()).ok()?;
    let told = convert::id::<ServerId>(&hello.server_id, "server_id").ok()?;
    (derive::server_id(&key) == told).then_some(told)
}

fn signature_bytes(signature: &[u8; 64]) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(signature)
}

/// The pause that the server asks for.
pub(super) const fn retry_after(error: &common::Error) -> Option<u64> {
    match error.retry_after_ms {
        0 => None,
        told => Some(told),
    }
}
