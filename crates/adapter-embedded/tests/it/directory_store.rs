//! The contract, and that nothing is answered before it is synced.

use std::{
    collections::HashMap,
    fmt, fs,
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use xchat_adapter_embedded::EmbeddedDirectoryStore;
use xchat_adapter_memory::ManualClock;
use xchat_ports::{DirectoryStore, contract::directory_store::Factory};
use xchat_types::{AccountId, DeviceId};

use crate::support;

#[derive(Default)]
struct Stores(Mutex<HashMap<usize, TempDir>>);

impl fmt::Debug for Stores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("embedded directory store")
    }
}

fn open(folder: &Path) -> EmbeddedDirectoryStore {
    EmbeddedDirectoryStore::open(folder, Arc::new(ManualClock::default())).unwrap()
}

impl Stores {
    fn open(&self, folder: TempDir) -> Arc<dyn DirectoryStore> {
        let store: Arc<dyn DirectoryStore> = Arc::new(open(folder.path()));
        let address = Arc::as_ptr(&store).addr();
        self.0.lock().unwrap().insert(address, folder);
        store
    }
}

#[async_trait]
impl Factory for Stores {
    async fn create(&self) -> Arc<dyn DirectoryStore> {
        self.open(support::folder())
    }

    async fn reopen(&self, store: Arc<dyn DirectoryStore>) -> Arc<dyn DirectoryStore> {
        let address = Arc::as_ptr(&store).addr();
        let folder = self.0.lock().unwrap().remove(&address).unwrap();
        assert_eq!(Arc::strong_count(&store), 1, "or the folder stays locked");
        drop(store);
        self.open(folder)
    }
}

mod contract {
    xchat_ports::directory_store_contract!([super::Stores::default()]);
}

/// The files as they are now, without the store's knowledge: what a killed process leaves.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            // A journal is a hole behind what is written of it.
            let metadata = file.metadata().unwrap();
            let mut bytes = Vec::new();
            let source = fs::File::open(file.path()).unwrap();
            let mut used = source.take(metadata.blocks() * 512);
            used.read_to_end(&mut bytes).unwrap();
            fs::write(&target, bytes).unwrap();
            let target = fs::File::options().write(true).open(target).unwrap();
            target.set_len(metadata.len()).unwrap();
        }
    }
}

/// The folder of a store as it was at its last sync.
#[derive(Clone)]
pub(crate) struct Durable(Arc<Mutex<TempDir>>);

impl Durable {
    pub(crate) fn of(folder: &Path) -> Self {
        let durable = Self(Arc::new(Mutex::new(support::folder())));
        durable.take(folder);
        durable
    }

    pub(crate) fn take(&self, folder: &Path) {
        let taken = support::folder();
        copy(folder, taken.path());
        *self.0.lock().unwrap() = taken;
    }

    /// What a power cut leaves.
    pub(crate) fn after_a_power_cut(&self) -> TempDir {
        let left = support::folder();
        copy(self.0.lock().unwrap().path(), left.path());
        left
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_power_cut() {
    let folder = support::folder();
    let store = open(folder.path());
    let durable = Durable::of(folder.path());
    let (taken, path) = (durable.clone(), folder.path().to_owned());
    store.on_sync(Box::new(move || taken.take(&path)));
    for number in 0..5 {
        let account = AccountId::new([number; AccountId::LEN]);
        let value = Bytes::from(vec![number]);
        store.create_account(account, value.clone()).await.unwrap();
        let after = durable.after_a_power_cut();
        let found = open(after.path()).read_account(account).await.unwrap();
        assert_eq!(found, Some(value.clone()), "the account is gone");

        let device = DeviceId::new([number; DeviceId::LEN]);
        assert!(
            store
                .swap_session(device, None, value.clone())
                .await
                .unwrap()
        );
        let after = durable.after_a_power_cut();
        let found = open(after.path()).read_session(device).await.unwrap();
        assert_eq!(found, Some(value), "the session is gone");
    }
}
