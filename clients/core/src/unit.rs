//! The unit of work: what one handled input changes, and what may be told only once that is stored.
//!
//! `Persist` always precedes the frame or event it allows (architecture, section 11). That is kept
//! here and nowhere else: whatever depends on a batch waits until the host says that it is durable,
//! and nothing overtakes what waits.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use zeroize::Zeroizing;

use crate::{
    event::Event,
    input::{CloseReason, Output},
    row::{Batch, BatchId, RowChange, RowKey},
};

/// One life of a socket. A frame never goes out on another than it was made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(pub(crate) u64);

/// What waits for storage.
#[derive(Debug)]
enum Effect {
    Frame(Generation, Bytes),
    Event(Event),
    Close(Generation, CloseReason, Option<u64>),
    Proof {
        challenge: Vec<u8>,
        root: xchat_crypto::PublicKey,
    },
}

/// Collects changes and effects of one input after another.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    changes: BTreeMap<RowKey, Option<Zeroizing<Vec<u8>>>>,
    effects: Vec<Effect>,
    immediate: Vec<Output>,
    last: BatchId,
    held: VecDeque<(BatchId, Vec<Effect>)>,
}

impl Unit {
    pub(crate) fn set(&mut self, key: RowKey, value: Zeroizing<Vec<u8>>) {
        self.changes.insert(key, Some(value));
    }

    pub(crate) fn delete(&mut self, key: RowKey) {
        self.changes.insert(key, None);
    }

    pub(crate) fn frame(&mut self, generation: Generation, bytes: Bytes) {
        self.effects.push(Effect::Frame(generation, bytes));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.effects.push(Effect::Event(event));
    }

    pub(crate) fn close(
        &mut self,
        generation: Generation,
        reason: CloseReason,
        reconnect_after: Option<u64>,
    ) {
        self.effects
            .push(Effect::Close(generation, reason, reconnect_after));
    }

    pub(crate) fn proof(&mut self, challenge: Vec<u8>, root: xchat_crypto::PublicKey) {
        self.effects.push(Effect::Proof { challenge, root });
    }

    /// For what depends on nothing that is not stored: loads and timers.
    pub(crate) fn immediate(&mut self, output: Output) {
        self.immediate.push(output);
    }

    /// Whether something waits for storage.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Ends the input: its batch, if anything changed, and whatever may go out at once.
    pub(crate) fn finish(&mut self, generation: Generation) -> Vec<Output> {
        let mut outputs = Vec::new();
        let effects = std::mem::take(&mut self.effects);
        let changes = std::mem::take(&mut self.changes);
        if !changes.is_empty() {
            self.last = BatchId(self.last.0.saturating_add(1));
            self.held.push_back((self.last, effects));
            let changes = changes.into_iter();
            outputs.push(Output::Persist(Batch {
                id: self.last,
                changes: changes
                    .map(|(key, value)| RowChange { key, value })
                    .collect(),
            }));
        } else if let Some((_, waiting)) = self.held.back_mut() {
            waiting.extend(effects);
        } else {
            release(effects, generation, &mut outputs);
        }
        outputs.append(&mut self.immediate);
        outputs
    }

    /// Lets out what waited for this batch and those before it.
    pub(crate) fn persisted(&mut self, id: BatchId, generation: Generation) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some((batch, effects)) = self.held.pop_front() {
            if batch > id {
                self.held.push_front((batch, effects));
                break;
            }
            release(effects, generation, &mut outputs);
        }
        outputs
    }
}

fn release(effects: Vec<Effect>, current: Generation, outputs: &mut Vec<Output>) {
    for effect in effects {
        match effect {
            Effect::Frame(generation, bytes) if generation == current => {
                outputs.push(Output::Frame(bytes));
            }
            Effect::Close(generation, reason, reconnect_after) if generation == current => {
                outputs.push(Output::Close {
                    reason,
                    reconnect_after,
                });
            }
            Effect::Frame(..) | Effect::Close(..) => {}
            Effect::Event(event) => outputs.push(Output::Event(event)),
            Effect::Proof { challenge, root } => {
                outputs.push(Output::SolveProof { challenge, root });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Table;

    const NOW: Generation = Generation(1);

    fn frame(outputs: &[Output]) -> usize {
        let frames = outputs.iter();
        frames
            .filter(|output| matches!(output, Output::Frame(_)))
            .count()
    }

    #[test]
    fn a_frame_waits_for_its_batch_and_nothing_overtakes_it() {
        let mut unit = Unit::default();
        unit.set(RowKey::device(Table::Identity), Zeroizing::new(vec![1]));
        unit.frame(NOW, Bytes::from_static(b"first"));
        let outputs = unit.finish(NOW);
        assert!(matches!(outputs.as_slice(), [Output::Persist(_)]));

        unit.frame(NOW, Bytes::from_static(b"second"));
        assert_eq!(unit.finish(NOW), []);
        assert_eq!(unit.persisted(BatchId(0), NOW), []);
        let released = unit.persisted(BatchId(1), NOW);
        assert_eq!(
            released,
            [
                Output::Frame(Bytes::from_static(b"first")),
                Output::Frame(Bytes::from_static(b"second"))
            ]
        );
        assert!(!unit.is_waiting());
    }

    #[test]
    fn a_frame_of_a_lost_socket_never_goes_out_on_the_next_one() {
        let mut unit = Unit::default();
        unit.delete(RowKey::device(Table::Identity));
        unit.frame(NOW, Bytes::from_static(b"late"));
        unit.event(Event::Settled);
        unit.finish(NOW);
        let released = unit.persisted(BatchId(1), Generation(2));
        assert_eq!(frame(&released), 0);
        assert_eq!(released, [Output::Event(Event::Settled)]);
    }
}
