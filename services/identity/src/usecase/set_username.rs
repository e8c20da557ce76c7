//! Binds a username to an account, or changes it.

use xchat_ports::directory_store::NameClaim;
use xchat_types::{AccountId, Millis};

use crate::{domain::username::Username, error::Error, service::Identity};

/// Compare-and-sets before giving up: a change takes three when nobody interferes.
const ATTEMPTS: usize = 8;

impl Identity {
    /// Returns the name as normalised. The former one goes into quarantine.
    pub(crate) async fn set_username(
        &self,
        account: AccountId,
        text: &str,
    ) -> Result<Username, Error> {
        let now = self.clock.now();
        let username = Username::parse(text)?;
        let limit = self.limits.usernames.check(account, now);
        limit.map_err(Error::RateLimited)?;
        if self.read_account(account).await?.is_none() {
            return Err(Error::AccountUnknown);
        }
        self.bind_username(account, &username, now).await?;
        Ok(username)
    }

    /// Claims the name, then walks the account's row to it; the walk survives a crash anywhere.
    pub(super) async fn bind_username(
        &self,
        account: AccountId,
        username: &Username,
        now: Millis,
    ) -> Result<(), Error> {
        let name = username.hash(&self.secrets.name_pepper);
        if self.directory.claim_name(name, account, now).await? == NameClaim::Taken {
            return Err(Error::UsernameTaken);
        }
        let quarantine = self.config.username_quarantine.as_millis();
        for _ in 0..ATTEMPTS {
            let (row, stored) = self
                .read_account(account)
                .await?
                .ok_or(Error::AccountUnknown)?;
            let Some(step) = row.rename(name) else {
                return Ok(());
            };
            if let Some(old) = step.release {
                let until = now.saturating_add(quarantine);
                self.directory.release_name(old, account, until).await?;
            }
            // If another request came between, the next look at the row decides.
            self.directory
                .swap_account(account, stored, step.next.to_row())
                .await?;
        }
        Err(Error::Contended)
    }
}
