//! Names: claimed and released by comparison with the row that was read.

use xchat_ports::{
    PortResult,
    directory_store::{NameClaim, NameHash, NameRow},
};
use xchat_types::{AccountId, Millis};

use super::ScyllaDirectoryStore;
use crate::{
    cas::{self, Attempt, Pauses},
    error::corrupt,
};

/// `quarantined_until` as it is stored: 0 while the name is held.
fn stored(until: Option<Millis>) -> i64 {
    until.map_or(0, |until| i64::try_from(until.0).unwrap_or(i64::MAX))
}

impl ScyllaDirectoryStore {
    pub(super) async fn name_row(&self, name: NameHash) -> PortResult<Option<NameRow>> {
        let read = &self.statements.read_name;
        let row = self.cluster.row(read, (name.0.as_slice(),)).await?;
        row.map(name_row).transpose()
    }

    async fn name_row_now(&self, name: NameHash) -> PortResult<Option<NameRow>> {
        let read = &self.statements.read_name_serial;
        let row = cas::read_back(&self.cluster, read, (name.0.as_slice(),)).await?;
        row.map(name_row).transpose()
    }

    /// Reads at SERIAL, decides, writes on condition of what was read; an unknown or lost attempt
    /// reads again. The row names its holder, so a claim that did happen is seen as one. To be
    /// called in time, like the next one.
    pub(super) async fn take_name(
        &self,
        name: NameHash,
        account: AccountId,
        now: Millis,
    ) -> PortResult<NameClaim> {
        let mut pauses = Pauses::new(account.as_bytes());
        loop {
            let row = self.name_row_now(name).await?;
            let outcome = match row {
                None => {
                    let values = (name.0.as_slice(), account.as_bytes().as_slice());
                    cas::attempt(&self.cluster, &self.statements.insert_name, values).await?
                }
                Some(row) if row.account == account && row.quarantined_until.is_none() => {
                    return Ok(NameClaim::Held);
                }
                Some(row) if is_free(&row, account, now) => {
                    self.change_name(name, &row, (account, None)).await?
                }
                Some(_) => return Ok(NameClaim::Taken),
            };
            match outcome {
                Attempt::Applied => return Ok(NameClaim::Held),
                Attempt::Refused => {}
                Attempt::Unknown => pauses.wait().await,
            }
        }
    }

    pub(super) async fn give_name_up(
        &self,
        name: NameHash,
        account: AccountId,
        until: Millis,
    ) -> PortResult<()> {
        let mut pauses = Pauses::new(account.as_bytes());
        loop {
            let row = self.name_row_now(name).await?;
            let own = row.filter(|row| row.account == account && row.quarantined_until.is_none());
            let Some(row) = own else {
                return Ok(());
            };
            match self.change_name(name, &row, (account, Some(until))).await? {
                Attempt::Applied => return Ok(()),
                Attempt::Refused => {}
                Attempt::Unknown => pauses.wait().await,
            }
        }
    }

    async fn change_name(
        &self,
        name: NameHash,
        from: &NameRow,
        (account, until): (AccountId, Option<Millis>),
    ) -> PortResult<Attempt> {
        let values = (
            account.as_bytes().as_slice(),
            stored(until),
            name.0.as_slice(),
            from.account.as_bytes().as_slice(),
            stored(from.quarantined_until),
        );
        cas::attempt(&self.cluster, &self.statements.update_name, values).await
    }
}

fn name_row((account, until): (Vec<u8>, i64)) -> PortResult<NameRow> {
    let account = AccountId::try_from(account.as_slice()).map_err(|_| corrupt("usernames"))?;
    let until = u64::try_from(until).map_err(|_| corrupt("usernames"))?;
    Ok(NameRow {
        account,
        quarantined_until: (until > 0).then_some(Millis(until)),
    })
}

fn is_free(row: &NameRow, account: AccountId, now: Millis) -> bool {
    row.account == account || row.quarantined_until.is_some_and(|until| until <= now)
}
