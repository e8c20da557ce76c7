//! The rules of the fold, written down a second time as naively as possible: no stamps, no rows,
//! no MLS; lists of everything that happened, searched from the front.

use xchat_types::{Counter, Outcome, RefuseReason as No, Sequence};

use crate::meaning::{ACCOUNT, Meaning, Stage, What, account, own_or_owner};

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
        let (who, counter) = (meaning.who, meaning.counter);
        let own = || self.answers.iter().filter(|(of, _)| of.who == who);
        let last = own().next_back().map_or(0, |(of, _)| of.counter);
        if counter != last + 1 {
            let expected = Counter(last + 1);
            return match own().find(|(of, _)| of.counter == counter) {
                Some((of, outcome)) if counter + 32 > last => Outcome::Duplicate {
                    first: Box::new(outcome.clone()),
                    digest_prefix: of.digest,
                },
                Some(_) | None => Outcome::Refused(No::CounterGap { expected }),
            };
        }
        let refused = self.refusal(who, meaning.what).map(Outcome::Refused);
        let outcome = refused.unwrap_or_else(|| self.apply(who, meaning.what));
        self.answers.push((meaning.clone(), outcome.clone()));
        outcome
    }

    /// Whether a device is delivered a record that takes its sequence now.
    pub(crate) fn hears(&self, device: usize, of: &Meaning) -> bool {
        match (self.stages[device], of.what) {
            (Stage::In, _) => true,
            (Stage::Out, what) => matches!(what, What::Genesis) && device == of.who,
            (Stage::Invited(true), What::Accept) => ACCOUNT[device] == ACCOUNT[of.who],
            (Stage::Invited(got), What::Say(_, size, _)) => !got && size <= 4_096,
            (Stage::Invited(got), _) => !got,
        }
    }

    fn refusal(&self, who: usize, what: What) -> Option<No> {
        let if_so = |bad: bool, reason| bad.then_some(reason);
        match what {
            What::Genesis => if_so(self.born, No::InvalidHandshake),
            _ if self.stages[who] == Stage::Out => Some(No::NotMember),
            What::Say(_, 65_537.., _) => Some(No::TooLarge),
            What::Say(_, _, true) => Some(No::Expired),
            What::Say(..) | What::Commit(..) if self.stages[who] != Stage::In => {
                Some(No::AwaitingConsent)
            }
            What::Say(epoch, size, _) => {
                let changed = self.stale_below.iter().any(|below| epoch < *below);
                let stale = changed || epoch > self.epoch || epoch + 3 < self.epoch;
                if_so(stale, No::StaleEpoch).or_else(|| self.unwanted(who, size))
            }
            What::Commit(epoch, ..) if epoch != self.epoch => Some(No::StaleEpoch),
            What::Commit(_, Some(whom), _) => if_so(!own_or_owner(who, whom), No::DeniedByRole),
            What::Commit(_, _, Some(whom)) if !self.asked[whom] => {
                let twin = account(whom).any(|twin| twin != whom && self.leaves[twin]);
                let half = twin && ACCOUNT[who] != ACCOUNT[whom];
                if_so(!own_or_owner(who, whom), No::DeniedByRole)
                    .or(if_so(half, No::InvalidHandshake))
            }
            What::Decline => if_so(self.stages[who] == Stage::In, No::InvalidHandshake),
            What::BadControl => Some(No::InvalidHandshake),
            What::Commit(..) | What::Accept | What::Leave | What::Unreadable => None,
        }
    }

    /// Strangers are asked once, in few words.
    fn unwanted(&self, who: usize, size: usize) -> Option<No> {
        let others = (0..4).filter(|other| ACCOUNT[*other] != ACCOUNT[who]);
        let stages: Vec<_> = others.map(|other| self.stages[other]).collect();
        if stages.contains(&Stage::In) || stages.iter().all(|stage| *stage == Stage::Out) {
            None
        } else if stages.contains(&Stage::Invited(false)) {
            (size > 4_096).then_some(No::TooLarge)
        } else {
            Some(No::AwaitingConsent)
        }
    }

    fn apply(&mut self, who: usize, what: What) -> Outcome {
        self.sequence += 1;
        let invited = |stage: Stage| matches!(stage, Stage::Invited(_));
        match what {
            What::Genesis => {
                self.born = true;
                (self.stages[who], self.leaves[who]) = (Stage::In, true);
            }
            What::Say(..) => {
                let strangers = self.stages.iter_mut().filter(|stage| invited(**stage));
                strangers.for_each(|stage| *stage = Stage::Invited(true));
            }
            What::Commit(_, adds, removes) => {
                self.epoch += 1;
                self.stale_below
                    .extend(adds.or(removes).map(|_| self.epoch));
                if let Some(whom) = removes {
                    (self.stages[whom], self.leaves[whom]) = (Stage::Out, false);
                    self.asked[whom] = false;
                }
                if let Some(whom) = adds {
                    let known = account(whom).any(|other| self.stages[other] == Stage::In);
                    let stage = if known {
                        Stage::In
                    } else {
                        Stage::Invited(false)
                    };
                    (self.stages[whom], self.leaves[whom]) = (stage, true);
                }
            }
            What::Accept | What::Decline => {
                let accepts = matches!(what, What::Accept);
                let asked = account(who).filter(|own| invited(self.stages[*own]));
                for own in asked.collect::<Vec<_>>() {
                    self.stages[own] = if accepts { Stage::In } else { Stage::Out };
                }
            }
            What::Leave => {
                self.stale_below.push(self.epoch);
                let leaves = account(who).filter(|own| self.leaves[*own]);
                for own in leaves.collect::<Vec<_>>() {
                    (self.stages[own], self.asked[own]) = (Stage::Out, true);
                }
            }
            What::BadControl | What::Unreadable => {}
        }
        Outcome::Applied(Sequence(self.sequence))
    }
}
