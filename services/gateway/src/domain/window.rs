//! How many pushed records a device has not acknowledged, and when it must pull instead.

use std::collections::{HashMap, VecDeque};

use xchat_types::{ConversationId, Sequence};

/// Push window of one socket. Above the limit it is closed; it opens again at half the limit, and
/// the device is then told to resync, for it may have missed pushes in between.
#[derive(Debug)]
pub(crate) struct Window {
    limit: u32,
    /// Pushes without an acknowledgement, in order: their last sequence and how many records.
    open: HashMap<ConversationId, VecDeque<(Sequence, u32)>>,
    unacknowledged: u32,
    closed: bool,
}

impl Window {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            open: HashMap::new(),
            unacknowledged: 0,
            closed: false,
        }
    }

    /// Whether records may be pushed; counts them if so.
    pub(crate) fn admit(
        &mut self,
        conversation: ConversationId,
        highest: Sequence,
        records: u32,
    ) -> bool {
        if self.closed || self.unacknowledged >= self.limit {
            self.closed = true;
            return false;
        }
        let pushes = self.open.entry(conversation).or_default();
        pushes.push_back((highest, records));
        self.unacknowledged = self.unacknowledged.saturating_add(records);
        true
    }

    /// Closes the window for another reason, so that a resync follows.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Notes a cumulative acknowledgement. `true`: the window has just opened, send a resync.
    pub(crate) fn acknowledge(&mut self, conversation: ConversationId, through: Sequence) -> bool {
        if let Some(pushes) = self.open.get_mut(&conversation) {
            while let Some(&(last, records)) = pushes.front()
                && last <= through
            {
                pushes.pop_front();
                self.unacknowledged = self.unacknowledged.saturating_sub(records);
            }
            if pushes.is_empty() {
                self.open.remove(&conversation);
            }
        }
        self.reopen()
    }

    /// `true` once after the window was closed and half of it has been acknowledged.
    pub(crate) fn reopen(&mut self) -> bool {
        let opens = self.closed && self.unacknowledged <= self.limit / 2;
        if opens {
            self.closed = false;
        }
        opens
    }

    /// Forgets everything: the device starts from its marks.
    pub(crate) fn reset(&mut self) {
        self.open.clear();
        self.unacknowledged = 0;
        self.closed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(n: u8) -> ConversationId {
        ConversationId::new([n; 32])
    }

    #[test]
    fn a_device_that_does_not_acknowledge_is_pushed_a_bounded_number_of_records() {
        let mut window = Window::new(4);
        let pushed = (1..100)
            .filter(|n| window.admit(conversation(1), Sequence(*n), 1))
            .count();
        assert_eq!(pushed, 4);
    }

    #[test]
    fn a_closed_window_opens_once_with_a_resync_when_half_is_acknowledged() {
        let mut window = Window::new(4);
        for n in 1..=4 {
            let to = conversation(u8::try_from(n).unwrap() % 2);
            assert!(window.admit(to, Sequence(n), 1));
        }
        assert!(!window.admit(conversation(0), Sequence(5), 1));
        assert!(window.acknowledge(conversation(0), Sequence(4)));
        assert!(!window.acknowledge(conversation(1), Sequence(3)));
        assert!(window.admit(conversation(0), Sequence(6), 1));
    }

    #[test]
    fn a_device_that_keeps_up_with_a_steady_stream_is_always_pushed_to() {
        let mut window = Window::new(4);
        for n in 1..=100 {
            assert!(window.admit(conversation(1), Sequence(n), 1), "at {n}");
            // Always two behind.
            window.acknowledge(conversation(1), Sequence(n.saturating_sub(2)));
        }
    }

    #[test]
    fn an_old_acknowledgement_frees_nothing() {
        let mut window = Window::new(2);
        assert!(window.admit(conversation(1), Sequence(7), 2));
        assert!(!window.acknowledge(conversation(1), Sequence(6)));
        assert!(!window.admit(conversation(1), Sequence(8), 1));
    }
}
