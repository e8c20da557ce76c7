//! OpenMLS's public storage over the four records, in memory, values as CBOR.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use openmls_traits::{
    public_storage::PublicStorageProvider,
    storage::{CURRENT_VERSION, traits},
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Keys of the records, stored: append-only.
pub(super) const CONFIRMATION_TAG: u8 = 1;
pub(super) const CONTEXT: u8 = 2;
pub(super) const INTERIM_HASH: u8 = 3;
pub(super) const TREE: u8 = 4;

const ALL: [u8; 4] = [CONFIRMATION_TAG, CONTEXT, INTERIM_HASH, TREE];

/// The records of one epoch, in ascending order of their keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries(BTreeMap<u8, Vec<u8>>);

impl Entries {
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(key, value)| (*key, value.as_slice()))
    }

    /// Whether the key was above all that are there.
    pub(super) fn push_ascending(&mut self, key: u8, value: Vec<u8>) -> bool {
        let ascending = self.0.last_key_value().is_none_or(|(last, _)| *last < key);
        if ascending {
            self.0.insert(key, value);
        }
        ascending
    }

    pub(super) fn is_complete(&self) -> bool {
        self.0.keys().copied().eq(ALL)
    }

    pub(super) fn read<T: DeserializeOwned>(&self, key: u8) -> Result<T, RecordError> {
        let bytes = self.0.get(&key).ok_or(RecordError::Missing)?;
        ciborium::from_reader(bytes.as_slice()).map_err(|_| RecordError::Undecodable)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    #[error("a record cannot be decoded")]
    Undecodable,
    #[error("a record cannot be encoded")]
    Unencodable,
    #[error("a record is missing")]
    Missing,
    #[error("public groups queue no proposals")]
    Queue,
}

/// Reads from one epoch and writes the next, so that what was read stays as it is.
#[derive(Debug, Default)]
pub(crate) struct Records {
    source: Arc<Entries>,
    written: RefCell<Entries>,
}

impl Records {
    pub(super) fn reading(source: Arc<Entries>) -> Self {
        Self {
            source,
            written: RefCell::default(),
        }
    }

    pub(crate) fn into_entries(self) -> Result<Entries, RecordError> {
        let entries = self.written.into_inner();
        if entries.is_complete() {
            Ok(entries)
        } else {
            Err(RecordError::Missing)
        }
    }

    fn write(&self, key: u8, value: &impl Serialize) -> Result<(), RecordError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).map_err(|_| RecordError::Unencodable)?;
        self.written.borrow_mut().0.insert(key, bytes);
        Ok(())
    }

    fn read<T: DeserializeOwned>(&self, key: u8) -> Result<Option<T>, RecordError> {
        self.source.read(key).map(Some)
    }

    fn delete(&self, key: u8) {
        self.written.borrow_mut().0.remove(&key);
    }
}

macro_rules! record {
    ($bound:ident: $write:ident, $read:ident, $delete:ident => $key:expr) => {
        fn $write<G: traits::GroupId<CURRENT_VERSION>, T: traits::$bound<CURRENT_VERSION>>(
            &self,
            _: &G,
            value: &T,
        ) -> Result<(), RecordError> {
            self.write($key, value)
        }

        fn $read<G: traits::GroupId<CURRENT_VERSION>, T: traits::$bound<CURRENT_VERSION>>(
            &self,
            _: &G,
        ) -> Result<Option<T>, RecordError> {
            self.read($key)
        }

        fn $delete<G: traits::GroupId<CURRENT_VERSION>>(&self, _: &G) -> Result<(), RecordError> {
            self.delete($key);
            Ok(())
        }
    };
}

impl PublicStorageProvider<CURRENT_VERSION> for Records {
    type PublicError = RecordError;

    record!(TreeSync: write_tree, tree, delete_tree => TREE);
    record!(GroupContext: write_context, group_context, delete_context => CONTEXT);
    record!(InterimTranscriptHash: write_interim_transcript_hash, interim_transcript_hash,
        delete_interim_transcript_hash => INTERIM_HASH);
    record!(ConfirmationTag: write_confirmation_tag, confirmation_tag,
        delete_confirmation_tag => CONFIRMATION_TAG);

    fn queue_proposal<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        P: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        _: &G,
        _: &R,
        _: &P,
    ) -> Result<(), RecordError> {
        Err(RecordError::Queue)
    }

    fn queued_proposals<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        P: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        _: &G,
    ) -> Result<Vec<(R, P)>, RecordError> {
        Ok(Vec::new())
    }

    fn remove_proposal<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        _: &G,
        _: &R,
    ) -> Result<(), RecordError> {
        Ok(())
    }

    fn clear_proposal_queue<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
    >(
        &self,
        _: &G,
    ) -> Result<(), RecordError> {
        Ok(())
    }
}
