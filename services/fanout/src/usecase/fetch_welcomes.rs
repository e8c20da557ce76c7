//! Invitations of a device into groups.

use xchat_types::{DeviceId, WelcomeRef};

use super::Fanout;
use crate::{Error, rows::StoredWelcome};

impl Fanout {
    /// Welcomes whose commit is accepted: the row is written before the head names it, and stays
    /// invisible until then.
    pub async fn fetch_welcomes(&self, device: DeviceId) -> Result<Vec<StoredWelcome>, Error> {
        let mut visible = Vec::new();
        for (reference, row) in self.conversations.store.read_welcomes(device).await? {
            let welcome = StoredWelcome::from_row(device, reference, &row)?;
            let view = self.conversations.view(welcome.conversation, &[]).await?;
            let named = view
                .head
                .is_some_and(|head| welcome.invitation.sequence <= head.sequence);
            if named {
                visible.push(welcome);
            }
        }
        Ok(visible)
    }

    /// Removes a welcome that was opened or given up. Idempotent.
    pub async fn acknowledge_welcome(
        &self,
        device: DeviceId,
        reference: WelcomeRef,
    ) -> Result<(), Error> {
        let store = &self.conversations.store;
        Ok(store.delete_welcome(device, reference).await?)
    }
}
