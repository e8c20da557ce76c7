//! How many pushed records a device has not acknowledged, and when it must pull instead.

use std::collections::{HashMap, VecDeque};

use xchat_types::{ConversationId, Sequence};

/// One conversation may have this part of the window: one in four, 64 records of the default 256,
/// a burst of one device and some. A device that has stopped applying a conversation acknowledges
/// nothing there, ever; that must not cost it the others.
const PARTS: u32 = 4;

/// Push window of one socket.
///
/// A conversation that has used up its part is **set aside**: nothing of it is pushed, and what is
/// outstanding no longer counts. It comes back when half of its part is acknowledged. When all the
/// others together reach the limit the window **closes** for everything; it opens again at half
/// the limit. In both cases the device may have missed pushes, and is then told to resync.
#[derive(Debug)]
pub(crate) struct Window {
    limit: u32,
    conversations: HashMap<ConversationId, Part>,
    /// Records of the conversations that are not set aside.
    unacknowledged: u32,
    closed: bool,
    /// What [`Window::unstick`] saw last time.
    was_closed: bool,
}

#[derive(Debug, Default)]
struct Part {
    /// Pushes without an acknowledgement, in order: their last sequence and how many records.
    pushes: VecDeque<(Sequence, u32)>,
    records: u32,
    set_aside: bool,
    /// The highest record that was not pushed while it was set aside.
    missed: Option<Sequence>,
}

impl Part {
    /// Returns how many records are outstanding no longer.
    fn acknowledge(&mut self, through: Sequence) -> u32 {
        let before = self.records;
        while let Some(&(last, records)) = self.pushes.front()
            && last <= through
        {
            self.pushes.pop_front();
            self.records = self.records.saturating_sub(records);
        }
        before.saturating_sub(self.records)
    }
}

impl Window {
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            limit,
            conversations: HashMap::new(),
            unacknowledged: 0,
            closed: false,
            was_closed: false,
        }
    }

    fn part(&self) -> u32 {
        (self.limit / PARTS).max(1)
    }

    /// Whether the conversation is set aside. If so the records are noted as missed.
    pub(crate) fn skips(&mut self, conversation: ConversationId, highest: Sequence) -> bool {
        let part = self.conversations.get_mut(&conversation);
        let Some(part) = part.filter(|part| part.set_aside) else {
            return false;
        };
        part.missed = part.missed.max(Some(highest));
        true
    }

    /// Whether records may be pushed; counts them if so.
    pub(crate) fn admit(
        &mut self,
        conversation: ConversationId,
        highest: Sequence,
        records: u32,
    ) -> bool {
        if self.skips(conversation, highest) {
            return false;
        }
        if self.closed || self.unacknowledged >= self.limit {
            self.closed = true;
            return false;
        }
        let limit = self.part();
        let part = self.conversations.entry(conversation).or_default();
        part.pushes.push_back((highest, records));
        part.records = part.records.saturating_add(records);
        self.unacknowledged = self.unacknowledged.saturating_add(records);
        if part.records >= limit {
            part.set_aside = true;
            self.unacknowledged = self.unacknowledged.saturating_sub(part.records);
        }
        true
    }

    /// Closes the window for another reason, so that a resync follows.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Notes a cumulative acknowledgement. `true`: pushes were dropped and will be taken again
    /// from now on, send a resync.
    pub(crate) fn acknowledge(&mut self, conversation: ConversationId, through: Sequence) -> bool {
        let missed = self.settle(conversation, through);
        self.reopen() || missed
    }

    /// `true`: the conversation has come back and has missed something.
    fn settle(&mut self, conversation: ConversationId, through: Sequence) -> bool {
        let half = self.part() / 2;
        let Some(part) = self.conversations.get_mut(&conversation) else {
            return false;
        };
        let freed = part.acknowledge(through);
        let mut missed = None;
        if !part.set_aside {
            self.unacknowledged = self.unacknowledged.saturating_sub(freed);
        } else if part.records <= half {
            part.set_aside = false;
            self.unacknowledged = self.unacknowledged.saturating_add(part.records);
            // A device that has pulled what it missed already needs no resync.
            missed = part.missed.take().filter(|missed| *missed > through);
        }
        if part.pushes.is_empty() && !part.set_aside {
            self.conversations.remove(&conversation);
        }
        missed.is_some()
    }

    /// `true` once after the window was closed and half of it has been acknowledged.
    pub(crate) fn reopen(&mut self) -> bool {
        let opens = self.closed && self.unacknowledged <= self.limit / 2;
        if opens {
            self.closed = false;
        }
        opens
    }

    /// To be called now and then: `true` if the window was closed the last time and still is. It
    /// is then open, and a resync is due: several conversations that are each short of being set
    /// aside, and that nobody acknowledges, must not keep it closed for good.
    pub(crate) fn unstick(&mut self) -> bool {
        let stuck = self.closed && self.was_closed;
        if stuck {
            self.reset();
        }
        self.was_closed = self.closed;
        stuck
    }

    /// Forgets everything: the device starts from its marks.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.limit);
    }
}

#[cfg(test)]
mod tests;
