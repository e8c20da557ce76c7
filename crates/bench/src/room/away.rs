//! A member that is cut off, comes back and fetches what it missed.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail};
use xchat_proto::{
    client::{self, DeliveredRecord, client_frame::Body as Ask, server_frame::Body as Tell},
    convert,
};

use super::{Inbox, Member, check};
use crate::{link::Link, load::Endpoint as _};

impl Member {
    /// Ends the socket without a word of the protocol.
    pub(crate) async fn cut(&mut self) -> Result<()> {
        self.link.cut().await
    }

    /// Logs in and subscribes on a new socket.
    pub(crate) async fn back(&mut self, address: SocketAddr, number: usize) -> Result<()> {
        self.link = Link::open(address, number, &mut self.person, false).await?;
        self.inbox = Inbox::default();
        Ok(())
    }

    /// Pulls everything after the cursor up to the last envelope that was sent, and acknowledges
    /// it. What came is looked at by [`Member::verify`], when no clock runs.
    pub(crate) async fn drain(&mut self) -> Result<Vec<DeliveredRecord>> {
        let due = self.head + self.envelopes.len() as u64;
        let mut drained = Vec::new();
        let mut at = self.cursor;
        while at < due {
            let pull = Ask::Pull(client::PullRequest {
                conversation_id: convert::id_bytes(&self.conversation),
                after_sequence: at,
                limit: 0,
            });
            let Tell::Pull(pulled) = self.link.ask(pull).await? else {
                bail!("no answer to a pull");
            };
            let last = pulled.records.last();
            at = last.context("an empty pull before the head")?.sequence;
            drained.extend(pulled.records);
        }
        self.cursor = at;
        self.acknowledge().await?;
        Ok(drained)
    }

    /// Whether exactly what was sent came, in its order; bytes of payload.
    pub(crate) fn verify(&self, drained: &[DeliveredRecord]) -> Result<u64> {
        anyhow::ensure!(
            drained.len() == self.envelopes.len(),
            "{} records came where {} were sent",
            drained.len(),
            self.envelopes.len()
        );
        let mut bytes = 0;
        for ((record, sent), sequence) in drained.iter().zip(&*self.envelopes).zip(self.head + 1..)
        {
            anyhow::ensure!(
                record.sequence == sequence,
                "sequence {} came where {sequence} was expected",
                record.sequence
            );
            bytes += check(record, sent)?;
        }
        Ok(bytes)
    }

    /// How many it is to fetch.
    pub(crate) fn envelopes(&self) -> usize {
        self.envelopes.len()
    }

    /// Before the envelopes under way, as a device that has just lost its cursor.
    pub(crate) const fn rewind(&mut self) {
        self.cursor = self.head;
    }
}
