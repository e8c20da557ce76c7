//! What the server sends unasked.

use xchat_proto::{
    client::{self, server_frame::Body},
    convert,
};
use xchat_types::{ConversationId, Counter, Outcome};

use super::Engine;
use crate::{
    conversation::Work,
    event::{Event, Warning},
    input::CloseReason,
    refusal,
};

impl Engine {
    pub(super) fn pushed(&mut self, body: Body) {
        match body {
            Body::DeliverPush(push) => self.delivered(push.records),
            Body::OutcomePush(push) => self.told(&push),
            Body::WelcomePush(push) => {
                if let Some(welcome) = push.welcome {
                    self.welcome(welcome);
                }
            }
            Body::ResyncPush(_) => self.resume(),
            Body::GoingAwayPush(push) => {
                let reason = refusal::of_closing(push.reason());
                if reason == CloseReason::Replaced {
                    self.desk.event(Event::Warning(Warning::Replaced));
                }
                self.close(reason, Some(push.reconnect_after_ms));
            }
            Body::Error(error) => {
                let reason = error.reason();
                self.refused_request("socket", reason, &error);
            }
            // Answers come with the number of their request.
            Body::Hello(_)
            | Body::Challenge(_)
            | Body::Register(_)
            | Body::Login(_)
            | Body::Refresh(_)
            | Body::SetUsername(_)
            | Body::LookupUsername(_)
            | Body::PublishKeyPackages(_)
            | Body::CountKeyPackages(_)
            | Body::ClaimKeyPackages(_)
            | Body::Resume(_)
            | Body::ListMarks(_)
            | Body::Submit(_)
            | Body::Pull(_)
            | Body::Ack(_)
            | Body::FetchOutcomes(_)
            | Body::FetchTree(_)
            | Body::AckWelcome(_) => self.close(CloseReason::BadFrame, None),
        }
    }

    /// Records of one conversation; those of one that is not known belong to a welcome that is
    /// still to come, and will be pulled then.
    fn delivered(&mut self, records: Vec<client::DeliveredRecord>) {
        let header = records.iter().find_map(|record| record.header.as_ref());
        let id = header.and_then(|header| {
            convert::id::<ConversationId>(&header.conversation_id, "conversation_id").ok()
        });
        match id {
            Some(id) if self.conversations.contains_key(&id) => {
                self.work(id, Work::Pushed(records));
            }
            Some(id) => self.pushed_unknown(id),
            // Parked records alone do not say where they belong: marks do.
            None => self.resume(),
        }
    }

    fn told(&mut self, push: &client::OutcomePush) {
        let id = convert::id::<ConversationId>(&push.conversation_id, "conversation_id");
        let outcome = push.outcome.as_ref().map(Outcome::try_from);
        let prefix = convert::digest_prefix(&push.digest_prefix);
        let (Ok(id), Some(Ok(outcome)), Ok(digest_prefix)) = (id, outcome, prefix) else {
            self.close(CloseReason::BadFrame, None);
            return;
        };
        let work = Work::Outcome {
            counter: Counter(push.counter),
            outcome,
            digest_prefix,
        };
        self.work(id, work);
    }
}
