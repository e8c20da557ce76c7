//! The rules of the fold, written down a second time as naively as possible: no stamps, no rows,
//! no MLS; a list of everything that happened, searched from the front.

use xchat_types::{
    Counter, Outcome,
    RefuseReason::{
        self, AwaitingConsent, CounterGap, DeniedByRole, Expired, InvalidHandshake, NotMember,
        StaleEpoch, TooLarge,
    },
    Sequence,
};

/// What a record means, told by who made it.
#[derive(Clone, Debug)]
pub(crate) struct Meaning {
    pub(crate) who: usize,
    pub(crate) counter: u64,
    pub(crate) digest: [u8; 8],
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Unreadable,
    Genesis,
    Say {
        epoch: u64,
        size: usize,
        expired: bool,
    },
    Commit {
        epoch: u64,
        adds: Option<usize>,
        removes: Option<usize>,
    },
    Accept,
    Decline,
    Leave,
    /// Control records that nobody decides yet, or that are not signed by their sender.
    BadControl,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Out,
    Invited {
        told: bool,
    },
    In,
}

/// Person `i` is of account `ACCOUNT[i]`; person 0 owns the group.
const ACCOUNT: [usize; 4] = [0, 1, 2, 1];

#[derive(Default)]
pub(crate) struct Model {
    born: bool,
    sequence: u64,
    epoch: u64,
    /// Everything that consumed a counter, in order.
    answers: Vec<(Meaning, Outcome)>,
    /// What was encrypted below one of these epochs was encrypted for other people.
    stale_below: Vec<u64>,
    stages: [Stage; 4],
    /// Who has a leaf, and of whom a commit is asked to remove it.
    leaves: [bool; 4],
    asked: [bool; 4],
}

impl Model {
    pub(crate) fn fold(&mut self, meaning: &Meaning) -> Outcome {
        if matches!(meaning.what, What::Unreadable) {
            self.sequence += 1;
            return Outcome::Parked(Sequence(self.sequence));
        }
        let own: Vec<_> = self
            .answers
            .iter()
            .filter(|(of, _)| of.who == meaning.who)
            .collect();
        let last = own.last().map_or(0, |(of, _)| of.counter);
        if meaning.counter != last + 1 {
            let first = own.iter().find(|(of, _)| of.counter == meaning.counter);
            return match first {
                Some((of, outcome)) if of.counter + 32 > last => Outcome::Duplicate {
                    first: Box::new(outcome.clone()),
                    digest_prefix: of.digest,
                },
                _ => Outcome::Refused(CounterGap {
                    expected: Counter(last + 1),
                }),
            };
        }
        let outcome = self.refusal(meaning.who, &meaning.what).map_or_else(
            || {
                self.sequence += 1;
                self.apply(meaning.who, &meaning.what);
                Outcome::Applied(Sequence(self.sequence))
            },
            Outcome::Refused,
        );
        self.answers.push((meaning.clone(), outcome.clone()));
        outcome
    }

    fn refusal(&self, who: usize, what: &What) -> Option<RefuseReason> {
        let refused_if = |bad: bool, reason| bad.then_some(reason);
        match *what {
            What::Genesis => return refused_if(self.born, InvalidHandshake),
            _ if self.stages[who] == Stage::Out => return Some(NotMember),
            What::Say { size, .. } if size > 65_536 => return Some(TooLarge),
            What::Say { expired: true, .. } => return Some(Expired),
            What::Say { .. } | What::Commit { .. } if self.stages[who] != Stage::In => {
                return Some(AwaitingConsent);
            }
            What::Say { epoch, size, .. } => {
                let changed = self.stale_below.iter().any(|below| epoch < *below);
                if changed || epoch > self.epoch || epoch + 3 < self.epoch {
                    return Some(StaleEpoch);
                }
                let others = self.others(who);
                if others.is_empty() || others.contains(&Stage::In) {
                    return None;
                }
                if !others.contains(&Stage::Invited { told: false }) {
                    return Some(AwaitingConsent);
                }
                refused_if(size > 4_096, TooLarge)
            }
            What::Commit { epoch, .. } if epoch != self.epoch => Some(StaleEpoch),
            What::Commit {
                adds: Some(whom), ..
            } => refused_if(who != 0 && ACCOUNT[who] != ACCOUNT[whom], DeniedByRole),
            What::Commit {
                removes: Some(whom),
                ..
            } => {
                if self.asked[whom] || ACCOUNT[who] == ACCOUNT[whom] {
                    return None;
                }
                let twin = self
                    .account(whom)
                    .any(|twin| twin != whom && self.leaves[twin]);
                refused_if(who != 0, DeniedByRole).or(refused_if(twin, InvalidHandshake))
            }
            What::Decline => refused_if(self.stages[who] == Stage::In, InvalidHandshake),
            What::BadControl => Some(InvalidHandshake),
            What::Commit { .. } | What::Accept | What::Leave | What::Unreadable => None,
        }
    }

    fn apply(&mut self, who: usize, what: &What) {
        let account: Vec<_> = self.account(who).collect();
        let invited = |stage: Stage| matches!(stage, Stage::Invited { .. });
        match *what {
            What::Genesis => {
                self.born = true;
                self.stages[who] = Stage::In;
                self.leaves[who] = true;
            }
            What::Say { .. } => {
                let heard = self.stages.iter_mut().filter(|stage| invited(**stage));
                heard.for_each(|stage| *stage = Stage::Invited { told: true });
            }
            What::Commit { adds, removes, .. } => {
                self.epoch += 1;
                if adds.is_some() || removes.is_some() {
                    self.stale_below.push(self.epoch);
                }
                if let Some(whom) = removes {
                    (self.stages[whom], self.leaves[whom]) = (Stage::Out, false);
                    self.asked[whom] = false;
                }
                if let Some(whom) = adds {
                    let known = self
                        .account(whom)
                        .any(|other| self.stages[other] == Stage::In);
                    let invited = Stage::Invited { told: false };
                    self.stages[whom] = if known { Stage::In } else { invited };
                    self.leaves[whom] = true;
                }
            }
            What::Accept | What::Decline => {
                let to = if matches!(what, What::Accept) {
                    Stage::In
                } else {
                    Stage::Out
                };
                for own in account {
                    if invited(self.stages[own]) {
                        self.stages[own] = to;
                    }
                }
            }
            What::Leave => {
                self.stale_below.push(self.epoch);
                for own in account {
                    if self.leaves[own] {
                        (self.stages[own], self.asked[own]) = (Stage::Out, true);
                    }
                }
            }
            What::BadControl | What::Unreadable => {}
        }
    }

    fn account(&self, who: usize) -> impl Iterator<Item = usize> + use<> {
        (0..4).filter(move |other| ACCOUNT[*other] == ACCOUNT[who])
    }

    fn others(&self, who: usize) -> Vec<Stage> {
        let other = |of: &usize| ACCOUNT[*of] != ACCOUNT[who] && self.stages[*of] != Stage::Out;
        (0..4).filter(other).map(|of| self.stages[of]).collect()
    }
}
