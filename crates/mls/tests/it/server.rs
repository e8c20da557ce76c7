//! The server's side: a snapshot, a control state and a clock, and the judge between them.

use std::time::SystemTime;

use xchat_mls::{
    Case, CommitBundle, CommitEffect, ControlState, Genesis, JudgeError, RatchetTreeBytes,
    Snapshot, judge, judge_genesis,
};
use xchat_types::{Header, JudgeVersion, Millis};

/// The system's time, for OpenMLS looks at it too.
#[expect(
    clippy::disallowed_methods,
    reason = "OpenMLS reads the system clock; tests must agree"
)]
pub(crate) fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Millis(u64::try_from(since.as_millis()).unwrap())
}

pub(crate) struct Server {
    pub(crate) version: JudgeVersion,
    pub(crate) control: ControlState,
    pub(crate) appended_at: Millis,
    snapshot: Option<Snapshot>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            version: judge::CURRENT,
            control: ControlState::default(),
            appended_at: now(),
            snapshot: None,
        }
    }

    pub(crate) fn case<'a>(&'a self, header: &'a Header, bundle: &'a CommitBundle) -> Case<'a> {
        Case {
            version: self.version,
            header,
            control: &self.control,
            bundle,
            appended_at: self.appended_at,
        }
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        self.snapshot.as_ref().unwrap()
    }

    pub(crate) fn tree(&self) -> RatchetTreeBytes {
        self.snapshot().ratchet_tree().unwrap()
    }

    pub(crate) fn found(&mut self, header: &Header, genesis: &Genesis) -> Result<(), JudgeError> {
        let genesis = Genesis::from_bytes(&genesis.to_bytes()).unwrap();
        let first = judge_genesis(self.version, header, &genesis, self.appended_at)?;
        let second = judge_genesis(self.version, header, &genesis, self.appended_at)?;
        assert_eq!(
            first.snapshot.to_bytes(),
            second.snapshot.to_bytes(),
            "replay differs"
        );
        assert_eq!(first.snapshot.leaves().unwrap(), [first.creator]);
        self.snapshot = Some(first.snapshot);
        Ok(())
    }

    /// Judges without taking the result.
    pub(crate) fn ask(
        &self,
        header: &Header,
        bundle: &CommitBundle,
    ) -> Result<CommitEffect, JudgeError> {
        judge(self.snapshot(), &self.case(header, bundle)).map(|accepted| accepted.effect)
    }

    /// Judges what was stored and loaded, twice, and goes on with it if it is accepted.
    pub(crate) fn submit(
        &mut self,
        header: &Header,
        bundle: &CommitBundle,
    ) -> Result<CommitEffect, JudgeError> {
        let bundle = CommitBundle::from_bytes(&bundle.to_bytes()).unwrap();
        let stored = Snapshot::from_bytes(&self.snapshot().to_bytes()).unwrap();
        let first = judge(self.snapshot(), &self.case(header, &bundle));
        let second = judge(&stored, &self.case(header, &bundle));
        let (first, second) = match (first, second) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(first), Err(second)) => {
                assert_eq!(first, second, "replay differs");
                return Err(first);
            }
            (first, second) => panic!("replay differs: {first:?} {second:?}"),
        };
        assert_eq!(first.effect, second.effect, "replay differs");
        assert_eq!(
            first.next.to_bytes(),
            second.next.to_bytes(),
            "replay differs"
        );
        self.check_roster(&first.effect, &first.next);
        self.control = first.effect.control.clone();
        self.snapshot = Some(first.next);
        Ok(first.effect)
    }

    /// The effect's leaves are the difference between the trees, index by index.
    fn check_roster(&self, effect: &CommitEffect, next: &Snapshot) {
        let mut expected = self.snapshot().leaves().unwrap();
        expected.retain(|leaf| !effect.removed.contains(leaf));
        expected.extend(effect.added.iter().map(|added| added.leaf));
        expected.sort();
        assert_eq!(next.leaves().unwrap(), expected);
        assert_eq!(next.epoch(), effect.epoch);
    }

    /// Runs something under the control state that was there before a record.
    pub(crate) fn with_control<T>(
        &mut self,
        control: ControlState,
        run: impl FnOnce(&Self) -> T,
    ) -> T {
        let current = std::mem::replace(&mut self.control, control);
        let result = run(self);
        self.control = current;
        result
    }
}
