//! Expired rows leave the files now, rather than when their tables are next rewritten. For tests:
//! a server leaves it to the engine.

use fjall::Keyspace;
use xchat_ports::PortResult;

use super::{EmbeddedMessageStore, store::Store, tables::MessageTables};

/// Shorter than any key of a row, so that no range holds it.
const SWEPT: [u8; 1] = [0];

impl EmbeddedMessageStore {
    /// Rewrites all tables.
    pub async fn clean(&self) -> PortResult<()> {
        self.run(Store::clean).await
    }
}

impl Store {
    /// Writes the tables out and removes what has expired from them. The engine keeps a file that
    /// it has replaced until it writes the same table out once more: hence the second round, and a
    /// row in each that has expired already.
    fn clean(&self) -> PortResult<()> {
        let expired = [&1_u64.to_be_bytes()[..], b"swept"].concat();
        for _ in 0..2 {
            self.engine.write(|opened| {
                for table in expiring(&opened.tables) {
                    table.insert(SWEPT, expired.as_slice())?;
                    table.rotate_memtable_and_wait()?;
                    table.major_compact()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// Tables whose rows end.
const fn expiring(tables: &MessageTables) -> [&Keyspace; 6] {
    [
        &tables.conversations,
        &tables.envelopes,
        &tables.payloads_hour,
        &tables.payloads_day,
        &tables.welcomes,
        &tables.marks,
    ]
}
