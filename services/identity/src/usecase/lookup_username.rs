//! Finds the account of a username. Exact match, counted.

use xchat_types::AccountId;

use crate::{domain::username::Username, error::Error, service::Identity};

impl Identity {
    /// The account's own row decides: a name that it has left, rests or not, and one whose account
    /// never came to be, are as unknown as any other.
    pub(crate) async fn lookup_username(
        &self,
        caller: AccountId,
        text: &str,
    ) -> Result<AccountId, Error> {
        let username = Username::parse(text)?;
        let limit = self.limits.lookups.check(caller, self.clock.now());
        limit.map_err(Error::RateLimited)?;
        let name = username.hash(&self.secrets.name_pepper);
        let row = self.directory.read_name(name).await?;
        let holder = row.ok_or(Error::UsernameUnknown)?.account;
        let (account, _) = self
            .read_account(holder)
            .await?
            .ok_or(Error::UsernameUnknown)?;
        if account.name != Some(name) {
            return Err(Error::UsernameUnknown);
        }
        Ok(holder)
    }
}
