//! Time: what is due, and when to be called next.

use xchat_types::Millis;

use super::Engine;
use crate::{
    input::{CloseReason, Output},
    link::Request,
};

/// Shortest pause that a host is asked for.
const SHORTEST_MS: u64 = 100;

impl Engine {
    pub(super) fn tick(&mut self) {
        let silent = self.desk.link.oldest().is_some_and(|sent| {
            self.desk.now >= sent.saturating_add(self.desk.settings.request_timeout_ms)
        });
        if silent {
            self.close(CloseReason::Silence, None);
            return;
        }
        if self.renew_at().is_some_and(|at| at <= self.desk.now) {
            self.renew();
        }
        for conversation in self.conversations.values_mut() {
            conversation.tick(&mut self.desk);
        }
        self.directory.advance(&mut self.desk);
        self.packages.advance(&mut self.desk);
    }

    /// Device time at which the session is renewed.
    fn renew_at(&self) -> Option<Millis> {
        let renewing = |request: &Request| matches!(request, Request::Refresh);
        let session = self.desk.link.session.as_ref();
        let session = session.filter(|_| !self.desk.link.has_open(renewing))?;
        Some(session.renew_at)
    }

    /// Asks to be called when the next thing is due, if that has changed.
    pub(super) fn plan_timer(&mut self, outputs: &mut Vec<Output>) {
        let link = &self.desk.link;
        let silence = link.oldest();
        let silence =
            silence.map(|sent| sent.saturating_add(self.desk.settings.request_timeout_ms));
        let own = [
            silence,
            self.renew_at(),
            self.directory.next_due(),
            self.packages.next_due(),
        ];
        let conversations = self.conversations.values();
        let conversations = conversations.filter_map(|known| known.next_due(&self.desk));
        let next = own.into_iter().flatten().chain(conversations).min();
        // What is due and cannot be done now must not hide what is due later.
        let next = next.map(|at| at.max(self.desk.later(SHORTEST_MS)));
        let next = next.filter(|_| link.is_online());
        if next != self.timer {
            self.timer = next;
            outputs.extend(next.map(Output::Timer));
        }
    }
}
