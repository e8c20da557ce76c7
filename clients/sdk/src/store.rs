//! The sealed store: one redb table. Keys hide ids under a keyed hash and leave order in clear;
//! values are sealed at their place, with the whole row key inside.

#[cfg(test)]
mod disk;
#[cfg(test)]
mod tests;

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, StorageError,
    TableDefinition,
};
use tokio::sync::watch;
use xchat_core::{Batch, HistoryRow, Row, RowKey, Scope, Table};
use xchat_crypto::seal::StoreKey;
use xchat_types::{ConversationId, Sequence};
use zeroize::Zeroizing;

use crate::{
    error::{Error, is_full},
    rt,
};

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Layout of this file's contents.
const VERSION: u8 = 1;
/// Sealed under the store's key, to tell a wrong key from damage.
const KEY_CHECK: &[u8] = b"xchat store key check";

/// Table u8 ‖ keyed hash of the scope 32 ‖ keyed hash of the name 32 ‖ order u64.
const KEY_LEN: usize = 1 + 32 + 32 + 8;

/// How much a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreStats {
    pub rows: u64,
}

/// Shared by the driver, which writes, and by readers of history.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Arc<Database>,
    key: StoreKey,
    /// After the database, which is let go when all of these are.
    held: watch::Receiver<()>,
    gone: Arc<watch::Sender<()>>,
}

impl Store {
    pub(crate) fn open(path: &Path, key: StoreKey) -> Result<Self, Error> {
        let create = || Database::create(path).map_err(|error| open_error(path, error));
        Self::with(caught(create)?, key)
    }

    /// Takes a database of any backend; checks layout and key.
    pub(crate) fn with(database: Database, key: StoreKey) -> Result<Self, Error> {
        let (gone, held) = watch::channel(());
        let store = Self {
            database: Arc::new(database),
            key,
            held,
            gone: Arc::new(gone),
        };
        store.guarded(|| store.check())?;
        Ok(store)
    }

    /// Works on the database; where that panics, the file is damaged.
    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let mut finished = false;
        let outcome = caught(|| {
            let outcome = work();
            finished = true;
            outcome
        });
        if !finished {
            // What it holds inside may be half done: its end would panic again.
            std::mem::forget(Arc::clone(&self.database));
        }
        outcome
    }

    /// Waits until nobody holds the database any more, also on threads that can't be stopped.
    pub(crate) async fn released(self) {
        let Self {
            database,
            held,
            gone,
            ..
        } = self;
        drop((database, held));
        gone.closed().await;
    }

    fn check(&self) -> Result<(), Error> {
        let transaction = self.database.begin_write().map_err(storage)?;
        {
            let mut meta = transaction.open_table(META).map_err(storage)?;
            transaction.open_table(ROWS).map_err(storage)?;
            let version = meta
                .get("version")
                .map_err(storage)?
                .map(|v| v.value().to_vec());
            match version.as_deref() {
                None => {
                    let sealed = self.seal(b"key check", KEY_CHECK)?;
                    meta.insert("version", [VERSION].as_slice())
                        .map_err(storage)?;
                    meta.insert("key_check", sealed.as_slice())
                        .map_err(storage)?;
                }
                Some([VERSION]) => {
                    let sealed = meta.get("key_check").map_err(storage)?;
                    let sealed = sealed.map(|v| v.value().to_vec()).unwrap_or_default();
                    self.key
                        .open(b"key check", &sealed)
                        .map_err(|_| Error::KeyWrong)?;
                }
                Some(other) => {
                    return Err(Error::ProfileVersion(format!("store layout {other:?}")));
                }
            }
        }
        transaction.commit().map_err(storage)
    }

    fn seal(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = *rt::random::<24>();
        self.key
            .seal(place, nonce, value)
            .map_err(|error| Error::Storage(error.to_string()))
    }

    /// Applies a batch in one durable transaction.
    pub(crate) fn apply(&self, batch: &Batch) -> Result<(), Error> {
        self.guarded(|| self.write(batch))
    }

    fn write(&self, batch: &Batch) -> Result<(), Error> {
        let transaction = self.database.begin_write().map_err(storage)?;
        {
            let mut rows = transaction.open_table(ROWS).map_err(storage)?;
            for change in &batch.changes {
                let place = self.place(&change.key);
                match &change.value {
                    None => {
                        rows.remove(place.as_slice()).map_err(storage)?;
                    }
                    Some(value) => {
                        let sealed = self.seal(&place, &with_key(&change.key, value))?;
                        rows.insert(place.as_slice(), sealed.as_slice())
                            .map_err(storage)?;
                    }
                }
            }
        }
        transaction.commit().map_err(storage)
    }

    /// Every row of a scope but its history, which only hosts read.
    pub(crate) fn load(&self, scope: Scope) -> Result<Vec<Row>, Error> {
        self.guarded(|| self.read(scope))
    }

    fn read(&self, scope: Scope) -> Result<Vec<Row>, Error> {
        let transaction = self.database.begin_read().map_err(storage)?;
        let rows = transaction.open_table(ROWS).map_err(storage)?;
        let mut found = Vec::new();
        for table in (0..=u8::MAX).filter_map(Table::from_number) {
            if table == Table::History {
                continue;
            }
            let (first, last) = self.span(table, scope);
            for row in rows
                .range(first.as_slice()..=last.as_slice())
                .map_err(storage)?
            {
                let (place, sealed) = row.map_err(storage)?;
                found.push(self.unseal(place.value(), sealed.value())?);
            }
        }
        Ok(found)
    }

    /// Messages of a conversation below `before`, newest first, at most `limit`.
    pub(crate) fn history(
        &self,
        conversation: ConversationId,
        before: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, Error> {
        self.guarded(|| self.page(conversation, before, limit))
    }

    fn page(
        &self,
        conversation: ConversationId,
        before: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<HistoryRow>, Error> {
        let transaction = self.database.begin_read().map_err(storage)?;
        let rows = transaction.open_table(ROWS).map_err(storage)?;
        let place = |order| {
            let scope = Scope::Conversation(conversation);
            self.place(&RowKey {
                scope,
                table: Table::History,
                name: Vec::new(),
                order,
            })
        };
        let (first, end) = (place(0), place(before.map_or(u64::MAX, |before| before.0)));
        let mut found = Vec::new();
        let range = rows
            .range(first.as_slice()..end.as_slice())
            .map_err(storage)?;
        for row in range.rev().take(limit) {
            let (place, sealed) = row.map_err(storage)?;
            let row = self.unseal(place.value(), sealed.value())?;
            let row = HistoryRow::from_bytes(&row.value)
                .map_err(|error| Error::ProfileDamaged(error.to_string()))?;
            found.push(row);
        }
        Ok(found)
    }

    pub(crate) fn stats(&self) -> Result<StoreStats, Error> {
        let transaction = self.database.begin_read().map_err(storage)?;
        let rows = transaction
            .open_table(ROWS)
            .map_err(storage)?
            .len()
            .map_err(storage)?;
        Ok(StoreStats { rows })
    }

    fn scope_hash(&self, scope: Scope) -> [u8; 32] {
        let id: &[u8] = match &scope {
            Scope::Device => &[],
            Scope::Conversation(conversation) => conversation.as_bytes(),
        };
        *self.key.table_key("scope", id).as_bytes()
    }

    fn place(&self, key: &RowKey) -> Vec<u8> {
        let mut place = Vec::with_capacity(KEY_LEN);
        place.push(key.table.number());
        place.extend_from_slice(&self.scope_hash(key.scope));
        place.extend_from_slice(self.key.table_key("name", &key.name).as_bytes());
        place.extend_from_slice(&key.order.to_be_bytes());
        place
    }

    fn span(&self, table: Table, scope: Scope) -> (Vec<u8>, Vec<u8>) {
        let mut first = vec![table.number()];
        first.extend_from_slice(&self.scope_hash(scope));
        let mut last = first.clone();
        first.resize(KEY_LEN, 0);
        last.resize(KEY_LEN, u8::MAX);
        (first, last)
    }

    fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<Row, Error> {
        let damaged = |what: &str| Error::ProfileDamaged(what.to_owned());
        let opened = self
            .key
            .open(place, sealed)
            .map_err(|error| damaged(&error.to_string()))?;
        let (length, rest) = opened
            .split_first_chunk::<4>()
            .ok_or_else(|| damaged("a row is cut short"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let (key, value) = rest
            .split_at_checked(length)
            .ok_or_else(|| damaged("a row is cut short"))?;
        let key = RowKey::from_bytes(key).map_err(|error| damaged(&error.to_string()))?;
        Ok(Row {
            key,
            value: Zeroizing::new(value.to_vec()),
        })
    }
}

/// Length of the key u32 ‖ key ‖ value: the key travels inside, for its place is a hash.
fn with_key(key: &RowKey, value: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = key.to_bytes();
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(4 + key.len() + value.len()));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&key);
    bytes.extend_from_slice(value);
    bytes
}

fn open_error(path: &Path, error: redb::DatabaseError) -> Error {
    if let redb::DatabaseError::Storage(StorageError::Io(error)) = error {
        return if is_damage(&error) {
            Error::ProfileDamaged("its file is cut short, or something else".to_owned())
        } else {
            Error::io(path, error)
        };
    }
    if let redb::DatabaseError::UpgradeRequired(version) = error {
        return Error::ProfileVersion(format!("redb file format {version}"));
    }
    storage(error)
}

/// redb trusts the inside of its file and panics where that makes no sense: such a file is damaged.
fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let damaged = |_| {
        Err(Error::ProfileDamaged(
            "a page of it makes no sense".to_owned(),
        ))
    };
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(damaged)
}

/// Whether a file is not what it was: too short, or of another kind.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
    )
}

/// Sorts what redb says: a full disk is told from damage.
fn storage(error: impl Into<redb::Error>) -> Error {
    let error = error.into();
    if let redb::Error::Io(error) = error {
        return if is_full(&error) {
            Error::DiskFull(error)
        } else if is_damage(&error) {
            Error::ProfileDamaged(error.to_string())
        } else {
            Error::Storage(error.to_string())
        };
    }
    if let redb::Error::Corrupted(what) = error {
        return Error::ProfileDamaged(what);
    }
    Error::Storage(error.to_string())
}
