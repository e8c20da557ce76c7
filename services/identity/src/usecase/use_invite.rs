//! Takes one use of an invite for an account.

use xchat_ports::directory_store::NameClaim;
use xchat_types::{AccountId, Millis};

use crate::{
    domain::invite::{Invite, InviteError},
    error::Error,
    service::Identity,
};

impl Identity {
    /// The account's own use again is success. A use taken by a sign-up that fails later, say
    /// because the username is taken, waits for that account's next try.
    pub(super) async fn use_invite(
        &self,
        invite: &Invite,
        account: AccountId,
        now: Millis,
    ) -> Result<(), Error> {
        for attempt in invite.attempts(&self.secrets.invite, &account) {
            // A plain read first: the claim is a compare-and-set, dear on some engines.
            let row = self.directory.read_name(attempt).await?;
            if row.is_some_and(|row| row.account != account) {
                continue;
            }
            let claim = self.directory.claim_name(attempt, account, now).await?;
            if claim == NameClaim::Held {
                return Ok(());
            }
        }
        Err(InviteError::UsedUp.into())
    }
}
