//! The mapping of OpenMLS's storage trait to kinds of rows.

use openmls_traits::storage::{CURRENT_VERSION as V, StorageProvider, traits};

use super::{Kind, Store, StoreError};

type Done = Result<(), StoreError>;

/// A row that a group has once.
macro_rules! once {
    ($bound:ident, $kind:ident: $write:ident, $read:ident, $delete:ident) => {
        fn $write<G: traits::GroupId<V>, T: traits::$bound<V>>(&self, id: &G, value: &T) -> Done {
            self.write(Kind::$kind, id, value)
        }

        fn $read<G: traits::GroupId<V>, T: traits::$bound<V>>(
            &self,
            id: &G,
        ) -> Result<Option<T>, StoreError> {
            self.read(Kind::$kind, id)
        }

        fn $delete<G: traits::GroupId<V>>(&self, id: &G) -> Done {
            self.delete(Kind::$kind, id)
        }
    };
}

/// A row that has a key of its own.
macro_rules! keyed {
    ($key:ident => $bound:ident, $kind:ident: $write:ident, $delete:ident) => {
        fn $write<K: traits::$key<V>, T: traits::$bound<V>>(&self, id: &K, value: &T) -> Done {
            self.write(Kind::$kind, id, value)
        }

        fn $delete<K: traits::$key<V>>(&self, id: &K) -> Done {
            self.delete(Kind::$kind, id)
        }
    };
}

/// What we do not use: never written, so there is nothing to read or delete.
macro_rules! unused {
    ($key:ident => $bound:ident: $write:ident, $delete:ident) => {
        fn $write<K: traits::$key<V>, T: traits::$bound<V>>(&self, _: &K, _: &T) -> Done {
            Err(StoreError::Unused)
        }

        fn $delete<K: traits::$key<V>>(&self, _: &K) -> Done {
            Ok(())
        }
    };
}

impl StorageProvider<V> for Store {
    type Error = StoreError;

    once!(TreeSync, Tree: write_tree, tree, delete_tree);
    once!(GroupContext, Context: write_context, group_context, delete_context);
    once!(InterimTranscriptHash, InterimHash: write_interim_transcript_hash,
        interim_transcript_hash, delete_interim_transcript_hash);
    once!(ConfirmationTag, ConfirmationTag: write_confirmation_tag, confirmation_tag,
        delete_confirmation_tag);
    once!(MessageSecrets, MessageSecrets: write_message_secrets, message_secrets,
        delete_message_secrets);
    once!(ResumptionPskStore, ResumptionSecrets: write_resumption_psk_store,
        resumption_psk_store, delete_all_resumption_psk_secrets);
    once!(LeafNodeIndex, OwnLeafIndex: write_own_leaf_index, own_leaf_index,
        delete_own_leaf_index);
    once!(GroupEpochSecrets, EpochSecrets: write_group_epoch_secrets, group_epoch_secrets,
        delete_group_epoch_secrets);
    once!(MlsGroupJoinConfig, JoinConfig: write_mls_join_config, mls_group_join_config,
        delete_group_config);

    keyed!(HashReference => KeyPackage, KeyPackage: write_key_package, delete_key_package);
    keyed!(EncryptionKey => HpkeKeyPair, EncryptionKeyPair: write_encryption_key_pair,
        delete_encryption_key_pair);

    unused!(SignaturePublicKey => SignatureKeyPair: write_signature_key_pair,
        delete_signature_key_pair);
    unused!(PskId => PskBundle: write_psk, delete_psk);
    unused!(GroupId => LeafNode: append_own_leaf_node, delete_own_leaf_nodes);

    fn write_group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        id: &G,
        value: &T,
    ) -> Done {
        self.write(Kind::GroupState, id, value)
    }

    fn group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        id: &G,
    ) -> Result<Option<T>, StoreError> {
        self.read(Kind::GroupState, id)
    }

    fn delete_group_state<G: traits::GroupId<V>>(&self, id: &G) -> Done {
        self.delete(Kind::GroupState, id)
    }

    fn key_package<K: traits::HashReference<V>, T: traits::KeyPackage<V>>(
        &self,
        id: &K,
    ) -> Result<Option<T>, StoreError> {
        self.read(Kind::KeyPackage, id)
    }

    fn encryption_key_pair<T: traits::HpkeKeyPair<V>, K: traits::EncryptionKey<V>>(
        &self,
        id: &K,
    ) -> Result<Option<T>, StoreError> {
        self.read(Kind::EncryptionKeyPair, id)
    }

    fn write_encryption_epoch_key_pairs<
        G: traits::GroupId<V>,
        E: traits::EpochKey<V>,
        T: traits::HpkeKeyPair<V>,
    >(
        &self,
        id: &G,
        epoch: &E,
        leaf_index: u32,
        pairs: &[T],
    ) -> Done {
        self.write(Kind::EpochKeyPairs, &(id, epoch, leaf_index), pairs)
    }

    fn encryption_epoch_key_pairs<
        G: traits::GroupId<V>,
        E: traits::EpochKey<V>,
        T: traits::HpkeKeyPair<V>,
    >(
        &self,
        id: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<Vec<T>, StoreError> {
        let pairs = self.read(Kind::EpochKeyPairs, &(id, epoch, leaf_index))?;
        Ok(pairs.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        id: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Done {
        self.delete(Kind::EpochKeyPairs, &(id, epoch, leaf_index))
    }

    fn signature_key_pair<K: traits::SignaturePublicKey<V>, T: traits::SignatureKeyPair<V>>(
        &self,
        _: &K,
    ) -> Result<Option<T>, StoreError> {
        Ok(None)
    }

    fn psk<T: traits::PskBundle<V>, K: traits::PskId<V>>(
        &self,
        _: &K,
    ) -> Result<Option<T>, StoreError> {
        Ok(None)
    }

    fn own_leaf_nodes<G: traits::GroupId<V>, T: traits::LeafNode<V>>(
        &self,
        _: &G,
    ) -> Result<Vec<T>, StoreError> {
        Ok(Vec::new())
    }

    fn queue_proposal<
        G: traits::GroupId<V>,
        R: traits::ProposalRef<V>,
        T: traits::QueuedProposal<V>,
    >(
        &self,
        _: &G,
        _: &R,
        _: &T,
    ) -> Done {
        Err(StoreError::Unused)
    }

    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
    ) -> Result<Vec<R>, StoreError> {
        Ok(Vec::new())
    }

    fn queued_proposals<
        G: traits::GroupId<V>,
        R: traits::ProposalRef<V>,
        T: traits::QueuedProposal<V>,
    >(
        &self,
        _: &G,
    ) -> Result<Vec<(R, T)>, StoreError> {
        Ok(Vec::new())
    }

    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
        _: &R,
    ) -> Done {
        Ok(())
    }

    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        _: &G,
    ) -> Done {
        Ok(())
    }
}
