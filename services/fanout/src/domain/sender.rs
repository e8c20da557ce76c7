//! What a device has submitted to a conversation: gapless counters, one outcome each.

use std::collections::VecDeque;

use xchat_types::{Counter, Outcome, RefuseReason, Sequence, limits::OUTCOME_WINDOW};

/// Last counter and the outcomes of the last 32, contiguous and ending with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    pub last: Counter,
    outcomes: VecDeque<Answer>,
}

/// The first outcome of a counter, which is never `Duplicate`, and whose record it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub outcome: Outcome,
    pub digest_prefix: [u8; 8],
}

/// What a counter is to the fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn<'a> {
    /// Exactly `last + 1`.
    Next,
    /// Seen before, and its outcome is kept.
    Seen(&'a Answer),
    /// Ahead of `expected`; or behind it by more than the window, which the device knows as a
    /// `counter_conflict`, for its own counter is below the one expected.
    Gap { expected: Counter },
}

impl Sender {
    pub fn turn(&self, counter: Counter) -> Turn<'_> {
        let expected = self.last.next();
        if counter == expected && counter > self.last {
            return Turn::Next;
        }
        self.last
            .0
            .checked_sub(counter.0)
            .and_then(|behind| usize::try_from(behind).ok())
            .and_then(|behind| self.outcomes.iter().rev().nth(behind))
            .map_or(Turn::Gap { expected }, Turn::Seen)
    }

    /// Notes what the next counter's record became.
    pub fn note(&mut self, outcome: Outcome, digest_prefix: [u8; 8]) {
        self.last = self.last.next();
        self.outcomes.push_back(Answer {
            outcome,
            digest_prefix,
        });
        while self.outcomes.len() as u64 > OUTCOME_WINDOW {
            self.outcomes.pop_front();
        }
    }

    /// Counters with their answers, oldest first.
    pub fn answers(&self) -> impl Iterator<Item = (Counter, &Answer)> {
        let kept = self.outcomes.len() as u64;
        let first = self.last.0.saturating_add(1).saturating_sub(kept);
        (first..).map(Counter).zip(&self.outcomes)
    }

    /// The packed form of `SenderRow.outcomes`.
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = Vec::new();
        let mut before = 0;
        for answer in &self.outcomes {
            let (code, sequence) = match &answer.outcome {
                Outcome::Applied(sequence) => (APPLIED, Some(sequence)),
                Outcome::Parked(sequence) => (PARKED, Some(sequence)),
                Outcome::Refused(reason) => (reason.number(), None),
                Outcome::Duplicate { .. } => continue,
            };
            packed.push(code);
            packed.extend_from_slice(&answer.digest_prefix);
            if let Some(sequence) = sequence {
                prost::encoding::encode_varint(sequence.0.wrapping_sub(before), &mut packed);
                before = sequence.0;
            }
        }
        packed
    }

    /// Reads the packed form; `None` if it is damaged.
    pub fn unpack(last: Counter, mut packed: &[u8]) -> Option<Self> {
        let mut outcomes = VecDeque::new();
        let mut before = 0_u64;
        while let Some((code, rest)) = packed.split_first() {
            let (digest_prefix, rest) = rest.split_first_chunk::<8>()?;
            packed = rest;
            let outcome = match *code {
                APPLIED | PARKED => {
                    let step = prost::encoding::decode_varint(&mut packed).ok()?;
                    before = before.wrapping_add(step);
                    if *code == APPLIED {
                        Outcome::Applied(Sequence(before))
                    } else {
                        Outcome::Parked(Sequence(before))
                    }
                }
                reason => Outcome::Refused(
                    RefuseReason::from_number(reason, Counter(0))
                        .filter(|reason| !reason.keeps_counter())?,
                ),
            };
            outcomes.push_back(Answer {
                outcome,
                digest_prefix: *digest_prefix,
            });
        }
        (outcomes.len() as u64 <= last.0.min(OUTCOME_WINDOW)).then_some(Self { last, outcomes })
    }
}

const APPLIED: u8 = 0;
const PARKED: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(count: u64, apart: u64) -> Sender {
        let mut sender = Sender::default();
        for number in 1..=count {
            let outcome = if number % 5 == 0 {
                Outcome::Refused(RefuseReason::StaleEpoch)
            } else {
                Outcome::Applied(Sequence(number * apart))
            };
            sender.note(outcome, number.to_be_bytes());
        }
        sender
    }

    #[test]
    fn the_next_counter_is_taken_a_higher_one_is_a_gap_and_a_lower_one_is_answered_as_before() {
        let sender = after(40, 3);
        assert_eq!(sender.turn(Counter(41)), Turn::Next);
        let expected = Counter(41);
        assert_eq!(sender.turn(Counter(42)), Turn::Gap { expected });
        assert_eq!(sender.turn(Counter(8)), Turn::Gap { expected });
        assert_eq!(sender.turn(Counter(0)), Turn::Gap { expected });
        for counter in 9..=40_u64 {
            let Turn::Seen(answer) = sender.turn(Counter(counter)) else {
                panic!("{counter} is within the window");
            };
            assert_eq!(answer.digest_prefix, counter.to_be_bytes());
        }
    }

    #[test]
    fn a_full_row_stays_below_400_bytes_and_survives_its_packed_form() {
        for (count, apart) in [(1, 1), (31, 9), (90, 15_000)] {
            let sender = after(count, apart);
            let packed = sender.pack();
            assert!(packed.len() <= 400, "{} bytes", packed.len());
            assert_eq!(Sender::unpack(sender.last, &packed), Some(sender));
        }
    }

    #[test]
    fn a_damaged_row_is_not_read() {
        let packed = after(3, 1).pack();
        assert_eq!(Sender::unpack(Counter(2), &packed), None);
        for cut in 1..packed.len() {
            let read = Sender::unpack(Counter(3), &packed[..cut]);
            assert!(read.is_none_or(|sender| sender.outcomes.len() < 3));
        }
        let unknown_code = [&[4_u8][..], &[0; 8]].concat();
        assert_eq!(Sender::unpack(Counter(1), &unknown_code), None);
    }
}
