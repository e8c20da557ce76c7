//! One socket's life: which requests are open, what the server's clock says, and who is logged in.

use std::collections::BTreeMap;

use prost::Message as _;
use xchat_proto::client::{ClientFrame, client_frame::Body};
use xchat_types::{
    ClaimId, ConversationId, Counter, Millis, WelcomeRef,
    limits::{CLOCK_STOP_MS, CLOCK_WARN_MS},
};

use crate::{
    event::Connection,
    unit::{Generation, Unit},
};

/// What a request was for, so that its answer finds its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Hello,
    Challenge,
    Register,
    Login,
    Refresh,
    SetUsername(String),
    Lookup(String),
    Publish(Vec<u64>),
    CountPackages,
    Claim(ConversationId, ClaimId),
    Resume,
    ListMarks,
    Submit(ConversationId, Counter),
    Pull(ConversationId),
    /// How far a conversation has come, asked once a process.
    Look(ConversationId),
    Ack(ConversationId),
    Outcomes(ConversationId),
    Tree(WelcomeRef),
    AckWelcome,
}

impl Request {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Challenge => "challenge",
            Self::Register => "register",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::SetUsername(_) => "set_username",
            Self::Lookup(_) => "lookup_username",
            Self::Publish(_) => "publish_key_packages",
            Self::CountPackages => "count_key_packages",
            Self::Claim(..) => "claim_key_packages",
            Self::Resume => "resume",
            Self::ListMarks => "list_marks",
            Self::Submit(..) => "submit",
            Self::Pull(_) | Self::Look(_) => "pull",
            Self::Ack(_) => "ack",
            Self::Outcomes(_) => "fetch_outcomes",
            Self::Tree(_) => "fetch_tree",
            Self::AckWelcome => "ack_welcome",
        }
    }
}

/// Session of this socket. The refresh token lives here only: a new socket logs in by the device
/// key, so no token is ever stored.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) refresh_token: Vec<u8>,
    /// Device time at which it is renewed.
    pub(crate) renew_at: Millis,
}

/// State of the socket.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) generation: Generation,
    pub(crate) state: Connection,
    pub(crate) session: Option<Session>,
    next_request: u64,
    open: BTreeMap<u64, (Request, Millis)>,
    /// Server time minus device time, from Hello.
    offset: Option<i64>,
}

impl Link {
    pub(crate) fn connect(&mut self) {
        self.generation.0 = self.generation.0.saturating_add(1);
        self.disconnect();
        self.state = Connection::Greeting;
    }

    pub(crate) fn disconnect(&mut self) {
        self.state = Connection::Offline;
        self.session = None;
        self.open.clear();
        self.next_request = 0;
    }

    pub(crate) fn is_online(&self) -> bool {
        self.state != Connection::Offline
    }

    /// Sends a request; its answer comes with [`Link::answered`], or never.
    pub(crate) fn request(&mut self, unit: &mut Unit, now: Millis, request: Request, body: Body) {
        if !self.is_online() {
            return;
        }
        self.next_request = self.next_request.saturating_add(1);
        self.open.insert(self.next_request, (request, now));
        let frame = ClientFrame {
            request_id: self.next_request,
            body: Some(body),
        };
        unit.frame(self.generation, frame.encode_to_vec().into());
    }

    /// What the request was, once.
    pub(crate) fn answered(&mut self, request_id: u64) -> Option<Request> {
        self.open.remove(&request_id).map(|(request, _)| request)
    }

    pub(crate) fn has_open(&self, wanted: impl Fn(&Request) -> bool) -> bool {
        self.open.values().any(|(request, _)| wanted(request))
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.open.is_empty()
    }

    /// When the oldest open request was sent.
    pub(crate) fn oldest(&self) -> Option<Millis> {
        self.open.values().map(|(_, sent)| *sent).min()
    }

    pub(crate) fn set_server_time(&mut self, now: Millis, server: Millis) {
        let difference = i128::from(server.0) - i128::from(now.0);
        self.offset = Some(i64::try_from(difference).unwrap_or(if difference < 0 {
            i64::MIN
        } else {
            i64::MAX
        }));
    }

    /// The server's time as told in Hello and counted on by this device's clock; device time
    /// before the first Hello.
    pub(crate) fn server_time(&self, now: Millis) -> Millis {
        Millis(now.0.saturating_add_signed(self.offset.unwrap_or(0)))
    }

    /// Device time minus server time.
    pub(crate) fn clock_error(&self) -> i64 {
        self.offset.unwrap_or(0).saturating_neg()
    }

    pub(crate) fn clock_is_off(&self) -> bool {
        self.clock_error().unsigned_abs() > CLOCK_WARN_MS
    }

    /// More than twelve hours off: no commit is applied and nothing is submitted.
    pub(crate) fn clock_stops(&self) -> bool {
        self.clock_error().unsigned_abs() > CLOCK_STOP_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_rules_hold_in_both_directions_and_at_the_ends_of_time() {
        let mut link = Link::default();
        let hour = 3_600_000;
        let base = Millis(100 * hour);
        for (server, off, stops) in [
            (Millis(base.0 + 60_000), false, false),
            (Millis(base.0 - 6 * 60_000), true, false),
            (Millis(base.0 + 13 * hour), true, true),
            (Millis(base.0 - 13 * hour), true, true),
            (Millis(u64::MAX), true, true),
            (Millis(0), true, true),
        ] {
            link.set_server_time(base, server);
            assert_eq!((link.clock_is_off(), link.clock_stops()), (off, stops));
        }
        link.set_server_time(base, Millis(base.0 + 500));
        assert_eq!(link.server_time(Millis(base.0 + 7)), Millis(base.0 + 507));
    }
}
