//! What waits to be written to one socket: bounded, so that a slow reader costs nobody else
//! anything. Pushes that do not fit are dropped and made good by a resync.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;
use xchat_proto::common::Reason;
use xchat_runtime::Span;
use xchat_types::{ConversationId, Sequence};

use crate::{
    domain::window::Window,
    metrics::{Put, metrics},
    socket::answer,
};

/// An encoded push, and the span of its delivery.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) frame: Bytes,
    pub(crate) span: Span,
}

impl From<Bytes> for Mail {
    fn from(frame: Bytes) -> Self {
        let span = Span::none();
        Self { frame, span }
    }
}

/// The side of a socket that other tasks see.
#[derive(Debug)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
    closing: Notify,
    limit_bytes: usize,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<Bytes>,
    /// Of those that are sampled.
    spans: Vec<Span>,
    bytes: usize,
    window: Window,
    resync: bool,
    route: Route,
    /// Told why to close; no push is taken any more.
    closing: Option<Reason>,
}

/// Whether fanout finds this socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// The device has not resumed: nothing is to be pushed.
    Unwanted,
    /// It is to be set, and that was not answered yet.
    Asked,
    /// It should; whether it does is not known. Once it does, a resync makes good what was missed.
    Unsure,
    Held,
}

/// What a socket's task takes out in one turn.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) frames: Vec<Bytes>,
    /// End when they are dropped: with the write.
    pub(crate) spans: Vec<Span>,
    pub(crate) closing: Option<Reason>,
}

impl Mailbox {
    pub(crate) fn new(limit_bytes: usize, window: u32) -> Self {
        Self {
            state: Mutex::new(State {
                frames: VecDeque::new(),
                spans: Vec::new(),
                bytes: 0,
                window: Window::new(window),
                resync: false,
                route: Route::Unwanted,
                closing: None,
            }),
            changed: Notify::new(),
            closing: Notify::new(),
            limit_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and a queue of bytes has no broken state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts records of one conversation in, or drops them and notes that a resync is due.
    pub(crate) fn push_records(
        &self,
        conversation: ConversationId,
        highest: Sequence,
        records: u32,
        mail: impl Into<Mail>,
    ) -> Put {
        let mail = mail.into();
        let mut state = self.lock();
        if state.closing.is_some() {
            return Put::Closing;
        }
        if state.window.skips(conversation, highest) {
            return Put::SetAside;
        }
        if !self.has_room(&state, &mail.frame) {
            state.window.close();
            return Put::Dropped;
        }
        if !state.window.admit(conversation, highest, records) {
            return Put::Dropped;
        }
        state.put(mail);
        drop(state);
        self.changed.notify_one();
        Put::Queued
    }

    /// Puts a push in that is not counted: an outcome, a welcome, a resync.
    pub(crate) fn push_note(&self, mail: impl Into<Mail>) -> Put {
        let mail = mail.into();
        let mut state = self.lock();
        if state.closing.is_some() {
            return Put::Closing;
        }
        let put = if self.has_room(&state, &mail.frame) {
            state.put(mail);
            Put::Queued
        } else {
            state.window.close();
            Put::Dropped
        };
        drop(state);
        self.changed.notify_one();
        put
    }

    fn has_room(&self, state: &State, frame: &Bytes) -> bool {
        state.bytes.saturating_add(frame.len()) <= self.limit_bytes
    }

    pub(crate) fn acknowledge(&self, conversation: ConversationId, through: Sequence) {
        let mut state = self.lock();
        if state.window.acknowledge(conversation, through) {
            state.resync = true;
            drop(state);
            self.changed.notify_one();
        }
    }

    /// To be called at each heartbeat: see [`Window::unstick`]. The next [`Mailbox::take`] holds
    /// the resync.
    pub(crate) fn unstick(&self) {
        let mut state = self.lock();
        state.resync |= state.window.unstick();
    }

    /// The device starts again from its marks; a route is about to be set.
    pub(crate) fn resume(&self) {
        let mut state = self.lock();
        state.window.reset();
        state.resync = false;
        state.route = Route::Asked;
    }

    /// The route was set before the device's marks are read.
    pub(crate) fn route_is_set(&self) {
        self.lock().route = Route::Held;
    }

    /// Whether the lease is to be kept.
    pub(crate) fn wants_route(&self) -> bool {
        self.lock().route != Route::Unwanted
    }

    /// Whether it should have a route, and nobody knows whether it does.
    pub(crate) fn is_unsure(&self) -> bool {
        self.lock().route == Route::Unsure
    }

    /// Nobody knows what became of the lease.
    pub(crate) fn doubt_route(&self) {
        let mut state = self.lock();
        if state.route != Route::Unwanted {
            state.route = Route::Unsure;
        }
    }

    /// The lease is held, from now on if it was `restored`.
    pub(crate) fn route_is_kept(&self, restored: bool) {
        let mut state = self.lock();
        if restored || state.route != Route::Held {
            state.resync = true;
            self.changed.notify_one();
        }
        state.route = Route::Held;
    }

    /// Asks the socket's task to say why and to close.
    pub(crate) fn close(&self, reason: Reason) {
        self.lock().closing.get_or_insert(reason);
        self.changed.notify_one();
        self.closing.notify_one();
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self) -> Taken {
        let mut state = self.lock();
        let mut frames: Vec<Bytes> = state.frames.drain(..).collect();
        state.bytes = 0;
        if state.resync || state.window.reopen() {
            state.resync = false;
            metrics().resyncs.one(());
            frames.push(answer::resync());
        }
        Taken {
            frames,
            spans: std::mem::take(&mut state.spans),
            closing: state.closing,
        }
    }

    /// Returns when the socket is to be closed, also while its task writes. For that task alone.
    pub(crate) async fn closing(&self) {
        if self.lock().closing.is_none() {
            self.closing.notified().await;
        }
    }

    /// Returns when there is something to take.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl State {
    fn put(&mut self, Mail { frame, span }: Mail) {
        self.bytes = self.bytes.saturating_add(frame.len());
        self.frames.push_back(frame);
        self.spans.extend(span.is_sampled().then_some(span));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONVERSATION: ConversationId = ConversationId::new([1; 32]);

    fn push(mailbox: &Mailbox, sequence: u64) {
        mailbox.push_records(
            CONVERSATION,
            Sequence(sequence),
            1,
            Bytes::from(vec![0; 100]),
        );
    }

    #[test]
    fn a_socket_that_is_not_read_holds_a_bounded_number_of_bytes() {
        let mailbox = Mailbox::new(1_000, 1_000);
        for sequence in 1..1_000 {
            push(&mailbox, sequence);
        }
        let records = mailbox
            .take()
            .frames
            .into_iter()
            .filter(|frame| frame.len() == 100);
        assert_eq!(records.count(), 10);
    }

    #[test]
    fn what_was_dropped_is_made_good_by_a_resync_when_the_device_has_caught_up() {
        let mailbox = Mailbox::new(250, 1_000);
        (1..10).for_each(|sequence| push(&mailbox, sequence));
        let taken = mailbox.take();
        assert_eq!(taken.frames.len(), 3, "two records, then the resync");
        assert_eq!(taken.frames.last(), Some(&answer::resync()));
        assert!(mailbox.take().frames.is_empty());
    }

    #[test]
    fn a_conversation_that_nobody_acknowledges_leaves_the_others_alone_and_comes_back() {
        let live = ConversationId::new([2; 32]);
        let frame = |byte| Bytes::from(vec![byte; 10]);
        let mailbox = Mailbox::new(1_000_000, 256);
        for sequence in 1..=300 {
            push(&mailbox, sequence);
            mailbox.push_records(live, Sequence(sequence), 1, frame(2));
            let taken = mailbox.take().frames;
            assert!(taken.contains(&frame(2)), "at {sequence}");
            assert!(!taken.contains(&answer::resync()));
            mailbox.acknowledge(live, Sequence(sequence));
        }
        mailbox.acknowledge(CONVERSATION, Sequence(64));
        assert_eq!(mailbox.take().frames, [answer::resync()]);
        push(&mailbox, 301);
        assert_eq!(mailbox.take().frames.len(), 1);
    }

    #[test]
    fn a_mailbox_without_room_is_not_closed_by_a_conversation_that_is_set_aside() {
        let mailbox = Mailbox::new(6_450, 256);
        (1..=80).for_each(|sequence| push(&mailbox, sequence));
        assert_eq!(mailbox.take().frames.len(), 64, "and no resync");
    }

    #[test]
    fn a_route_that_was_away_or_in_doubt_is_made_good_by_a_resync() {
        let mailbox = Mailbox::new(1_000, 10);
        assert!(!mailbox.wants_route());
        mailbox.resume();
        mailbox.route_is_set();
        mailbox.route_is_kept(false);
        assert!(mailbox.take().frames.is_empty());
        mailbox.route_is_kept(true);
        assert_eq!(mailbox.take().frames, [answer::resync()]);
        mailbox.doubt_route();
        mailbox.route_is_kept(false);
        assert_eq!(mailbox.take().frames, [answer::resync()]);
        mailbox.route_is_kept(false);
        assert!(mailbox.take().frames.is_empty());
        // The route could not be set: the first refresh that can does both.
        mailbox.resume();
        mailbox.route_is_kept(false);
        assert_eq!(mailbox.take().frames, [answer::resync()]);
    }

    #[test]
    fn a_closing_socket_takes_no_more_pushes_and_keeps_its_first_reason() {
        let mailbox = Mailbox::new(1_000, 10);
        mailbox.close(Reason::Replaced);
        mailbox.close(Reason::Draining);
        push(&mailbox, 1);
        let taken = mailbox.take();
        assert!(taken.frames.is_empty());
        assert_eq!(taken.closing, Some(Reason::Replaced));
    }
}
