//! `xchat-server invite create`: needs the key file only, not the store, so it works beside a
//! running server.

use xchat_auth::InstallationKeys;
use xchat_ports::{Rng, ambient};
use xchat_types::Millis;

pub use crate::domain::invite::InviteError;
use crate::domain::invite::{Invite, MAX_USES};

const DAY_MS: u64 = 24 * 3_600_000;

/// Makes the text of an invite for `uses` accounts, good for so many days.
pub fn create(
    keys: &InstallationKeys,
    uses: u16,
    days: u16,
    now: Millis,
    rng: &dyn Rng,
) -> Result<String, InviteError> {
    if uses == 0 || uses > MAX_USES {
        return Err(InviteError::Uses);
    }
    let invite = Invite {
        id: ambient::random(rng),
        uses,
        expires_at: now.saturating_add(u64::from(days).saturating_mul(DAY_MS)),
    };
    Ok(invite.seal(&keys.invite_key()))
}
