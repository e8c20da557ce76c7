//! A client's MLS state as rows: a map in memory, and what has changed since it was last persisted.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

/// Opaque; unique in its scope.
pub type RowKey = Vec<u8>;

/// Secret: to be sealed before it is written anywhere.
pub type RowValue = Zeroizing<Vec<u8>>;

/// One row to write or, without a value, to delete.
#[derive(Clone, PartialEq, Eq)]
pub struct RowChange {
    pub key: RowKey,
    pub value: Option<RowValue>,
}

/// Rows of one scope: a device's key packages, or the group of a conversation's incarnation.
#[derive(Default)]
pub struct Rows {
    map: BTreeMap<RowKey, RowValue>,
    /// Of each row changed since the last [`Rows::take_changes`], the value that it had then.
    before: BTreeMap<RowKey, Option<RowValue>>,
}

/// Changes set aside while something is tried.
#[derive(Default)]
pub(crate) struct SetAside(BTreeMap<RowKey, Option<RowValue>>);

impl Rows {
    /// As loaded from the device's store.
    pub fn from_entries(entries: impl IntoIterator<Item = (RowKey, RowValue)>) -> Self {
        Self {
            map: entries.into_iter().collect(),
            before: BTreeMap::new(),
        }
    }

    /// The difference to what was loaded or last taken, in ascending order of keys. Rows that
    /// changed back are not in it.
    pub fn take_changes(&mut self) -> Vec<RowChange> {
        std::mem::take(&mut self.before)
            .into_iter()
            .filter_map(|(key, before)| {
                let value = self.map.get(&key).cloned();
                (value != before).then_some(RowChange { key, value })
            })
            .collect()
    }

    /// Undoes everything since the last [`Rows::take_changes`].
    pub(crate) fn revert(&mut self) {
        for (key, before) in std::mem::take(&mut self.before) {
            match before {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
    }

    /// From here on [`Rows::revert`] goes back to here and no further.
    pub(crate) fn set_aside(&mut self) -> SetAside {
        SetAside(std::mem::take(&mut self.before))
    }

    /// Takes the changes from before back: what was tried and not reverted joins them.
    pub(crate) fn rejoin(&mut self, aside: SetAside) {
        self.before.extend(aside.0);
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &RowKey> {
        self.map.keys()
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&RowValue> {
        self.map.get(key)
    }

    pub(crate) fn put(&mut self, key: RowKey, value: RowValue) {
        if self.map.get(&key) != Some(&value) {
            let before = self.map.insert(key.clone(), value);
            self.before.entry(key).or_insert(before);
        }
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        if let Some((key, before)) = self.map.remove_entry(key) {
            self.before.entry(key).or_insert(Some(before));
        }
    }
}

/// Counts only.
impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({}, {} changed)", self.map.len(), self.before.len())
    }
}

/// Lengths only.
impl fmt::Debug for RowChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.value.as_ref().map(|value| value.len());
        write!(f, "RowChange({} → {length:?})", self.key.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(list: &[(u8, u8)]) -> Rows {
        Rows::from_entries(list.iter().map(|(k, v)| (vec![*k], vec![*v].into())))
    }

    fn changes(rows: &mut Rows) -> Vec<(u8, Option<u8>)> {
        let taken = rows.take_changes().into_iter();
        taken
            .map(|change| (change.key[0], change.value.map(|value| value[0])))
            .collect()
    }

    #[test]
    fn changes_are_told_once_and_not_when_they_changed_nothing() {
        let mut rows = rows(&[(1, 10), (2, 20)]);
        rows.put(vec![1], vec![10].into());
        rows.put(vec![2], vec![21].into());
        rows.put(vec![2], vec![20].into());
        rows.put(vec![3], vec![30].into());
        rows.put(vec![4], vec![40].into());
        rows.delete(&[4]);
        rows.delete(&[1]);
        assert_eq!(changes(&mut rows), [(1, None), (3, Some(30))]);
        assert_eq!(changes(&mut rows), []);
    }

    #[test]
    fn what_is_tried_can_be_undone_without_undoing_what_came_before() {
        let mut rows = rows(&[(1, 10)]);
        rows.put(vec![2], vec![20].into());
        let aside = rows.set_aside();
        rows.put(vec![2], vec![21].into());
        rows.delete(&[1]);
        rows.revert();
        rows.rejoin(aside);
        assert_eq!(changes(&mut rows), [(2, Some(20))]);

        rows.put(vec![2], vec![22].into());
        let aside = rows.set_aside();
        rows.put(vec![2], vec![23].into());
        rows.put(vec![3], vec![30].into());
        rows.rejoin(aside);
        rows.revert();
        assert_eq!(rows.get(&[2]).map(|value| value[0]), Some(20));
        assert!(rows.get(&[3]).is_none());
    }
}
