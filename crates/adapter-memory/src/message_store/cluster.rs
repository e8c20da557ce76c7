//! Three replicas, quorum both ways, blocking read repair of the rows that were asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Range, RangeInclusive},
};

use bytes::Bytes;
use xchat_ports::PortResult;
use xchat_types::Millis;

use super::cell::{Cell, CellKey, Replica};
use crate::{
    Faults,
    faults::{Dice, Fate, injected},
};

const REPLICAS: usize = 3;
/// Bit masks of the replicas a call reaches.
const ALL: u8 = 0b111;
const PAIRS: [u8; REPLICAS] = [0b011, 0b101, 0b110];

#[derive(Debug)]
pub(super) struct Cluster {
    dice: Dice,
    replicas: [Replica; REPLICAS],
}

impl Cluster {
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            dice: Dice::new(faults),
            replicas: Default::default(),
        }
    }

    pub(super) const fn set_faults(&mut self, faults: Faults) {
        self.dice = Dice::new(faults);
    }

    /// How many rows a read may return that was asked for `limit`.
    pub(super) fn page(&self, limit: usize) -> usize {
        if self.dice.faults.pages_of_one {
            limit.min(1)
        } else {
            limit
        }
    }

    fn quorum(&mut self) -> u8 {
        if !self.dice.faults.narrow_quorum {
            return ALL;
        }
        let pair = self.dice.below(REPLICAS as u64);
        usize::try_from(pair)
            .ok()
            .and_then(|pair| PAIRS.get(pair))
            .copied()
            .unwrap_or(ALL)
    }

    fn reached(&mut self, mask: u8) -> impl Iterator<Item = &mut Replica> {
        self.replicas
            .iter_mut()
            .enumerate()
            .filter(move |(at, _)| mask & (1 << at) != 0)
            .map(|(_, replica)| replica)
    }

    /// One batch: atomic on each replica it reaches, torn between replicas when it fails.
    pub(super) fn write(&mut self, batch: &[(CellKey, Cell)]) -> PortResult<()> {
        let mask = match self.dice.fate() {
            Fate::Refused => return Err(injected()),
            Fate::Unknown => {
                self.tear(batch);
                return Err(injected());
            }
            Fate::Done => self.quorum(),
        };
        self.reached(mask).for_each(|replica| replica.apply(batch));
        Ok(())
    }

    /// The writer dies in the middle: any of the replicas may have got the batch.
    pub(super) fn tear(&mut self, batch: &[(CellKey, Cell)]) {
        let mask = self.dice.below(u64::from(ALL) + 1).to_le_bytes()[0];
        self.reached(mask).for_each(|replica| replica.apply(batch));
    }

    /// Writes to chosen replicas only (bits 0, 1 and 2).
    pub(super) fn write_on(&mut self, mask: u8, batch: &[(CellKey, Cell)]) {
        self.reached(mask).for_each(|replica| replica.apply(batch));
    }

    pub(super) fn check_read(&mut self) -> PortResult<u8> {
        match self.dice.fate() {
            Fate::Done => Ok(self.quorum()),
            Fate::Refused | Fate::Unknown => Err(injected()),
        }
    }

    /// The newest cell of a key among the replicas asked, written back to those that lag.
    pub(super) fn get(&mut self, mask: u8, key: CellKey) -> Option<Cell> {
        let mut newest: Option<Cell> = None;
        for replica in self.reached(mask) {
            if let Some(cell) = replica.cells.get(&key)
                && newest.as_ref().is_none_or(|held| cell.beats(held))
            {
                newest = Some(cell.clone());
            }
        }
        if let Some(cell) = &newest {
            self.write_on(mask, &[(key, cell.clone())]);
        }
        newest
    }

    /// Live rows of a key range, in order; every row looked at is repaired.
    pub(super) fn scan(
        &mut self,
        mask: u8,
        range: RangeInclusive<CellKey>,
        limit: usize,
        now: Millis,
    ) -> Vec<(CellKey, u64, Bytes)> {
        let keys: BTreeSet<CellKey> = self
            .reached(mask)
            .flat_map(|replica| replica.cells.range(range.clone()).map(|(key, _)| *key))
            .collect();
        let mut rows = Vec::new();
        for key in keys {
            if rows.len() >= limit {
                break;
            }
            if let Some(cell) = self.get(mask, key)
                && let Some(value) = cell.alive(now)
            {
                rows.push((key, cell.stamp, value.clone()));
            }
        }
        rows
    }

    /// The keys of a range on any replica: what a range deletion covers.
    pub(super) fn keys(&self, range: Range<CellKey>) -> BTreeSet<CellKey> {
        self.replicas
            .iter()
            .flat_map(|replica| replica.cells.range(range.clone()).map(|(key, _)| *key))
            .collect()
    }

    pub(super) fn sync(&mut self) -> PortResult<()> {
        if self.dice.fate() != Fate::Done {
            return Err(injected());
        }
        self.replicas.iter_mut().for_each(Replica::sync);
        Ok(())
    }

    /// All replicas lose power at once, each at its own point behind the last sync.
    pub(super) fn cut_power(&mut self) {
        for replica in &mut self.replicas {
            let kept = self.dice.below(replica.unsynced() as u64 + 1);
            replica.cut_power(usize::try_from(kept).unwrap_or(0));
        }
    }

    /// What a reader of all replicas would find, without repair.
    pub(super) fn merged(&self, now: Millis) -> BTreeMap<CellKey, (u64, Bytes)> {
        let mut newest: BTreeMap<CellKey, &Cell> = BTreeMap::new();
        for (key, cell) in self.replicas.iter().flat_map(|replica| &replica.cells) {
            let held = newest.entry(*key).or_insert(cell);
            if cell.beats(held) {
                *held = cell;
            }
        }
        newest
            .into_iter()
            .filter_map(|(key, cell)| Some((key, (cell.stamp, cell.alive(now)?.clone()))))
            .collect()
    }
}
