//! Application messages (RFC 9420, section 15).

use std::fmt;

use openmls::prelude::{
    ContentType, MlsMessageBodyIn, MlsMessageIn, PrivateMessageIn, ProcessedMessage,
    ProcessedMessageContent, ProtocolMessage, Sender,
};
use thiserror::Error;
use tls_codec::Deserialize as _;
use xchat_types::{AccountId, DeviceId, Header, RecordKind};
use zeroize::Zeroizing;

use super::Group;
use crate::{
    binding::header_binding,
    credential::{self, CredentialError, LeafIndex},
    device::Device,
    wire::ApplicationBytes,
};

/// A message and who sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct Decrypted {
    pub account: AccountId,
    pub device: DeviceId,
    pub plaintext: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypted")
            .field("account", &self.account)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum EncryptError {
    #[error("the header is not of a message by this device in this epoch of the group")]
    Header,
    #[error("this device is no longer in the group")]
    Removed,
    #[error("the message could not be encrypted")]
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecryptError {
    #[error("the bytes are not an application message")]
    Malformed,
    /// A security event: somebody says that it is another envelope than its sender made.
    #[error("the header says something else than the message")]
    Header,
    /// Already read, from an epoch that is gone, or not made with the epoch's secrets.
    #[error("the message cannot be decrypted")]
    CannotDecrypt,
    #[error("the sender's credential does not verify: {0}")]
    Credential(#[from] CredentialError),
}

impl Group {
    /// Encrypts for the current epoch, bound to the header, which holds counter and creation time
    /// already. Padding is the caller's.
    pub fn encrypt(
        &mut self,
        device: &Device,
        header: &Header,
        plaintext: &[u8],
    ) -> Result<ApplicationBytes, EncryptError> {
        if !self.is_active() {
            return Err(EncryptError::Removed);
        }
        let here = self.is_of(header) && header.epoch == self.epoch();
        let own = header.sender == device.id() && header.kind == RecordKind::Application;
        if !here || !own {
            return Err(EncryptError::Header);
        }
        self.mls.set_aad(header_binding(header));
        self.mls
            .create_message(&self.provider, device, plaintext)
            .map_err(|_| EncryptError::Failed)?
            .to_bytes()
            .map(ApplicationBytes::from)
            .map_err(|_| EncryptError::Failed)
    }

    /// Decrypts a message of the current epoch or one of the three before. Each can be decrypted
    /// once: its key is gone when the changes are persisted. After an error the group is to be
    /// reverted, so that a bent copy cannot use up the key of the good one.
    pub fn decrypt(
        &mut self,
        header: &Header,
        message: &ApplicationBytes,
    ) -> Result<Decrypted, DecryptError> {
        let message = parse(message)?;
        let here = self.is_of(header)
            && header.kind == RecordKind::Application
            && message.group_id() == self.mls.group_id()
            && message.epoch().as_u64() == header.epoch.0;
        if !here || message.aad() != header_binding(header) {
            return Err(DecryptError::Header);
        }
        let processed = self
            .mls
            .process_message(&self.provider, ProtocolMessage::from(message))
            .map_err(|_| DecryptError::CannotDecrypt)?;
        let (account, device) = self.sender(&processed)?;
        if device != header.sender {
            return Err(DecryptError::Header);
        }
        let ProcessedMessageContent::ApplicationMessage(content) = processed.into_content() else {
            return Err(DecryptError::CannotDecrypt);
        };
        Ok(Decrypted {
            account,
            device,
            plaintext: Zeroizing::new(content.into_bytes()),
        })
    }

    /// Verifies the credential that OpenMLS names as the sender's, once while the epoch lasts. That
    /// the leaf signs with the certified key was checked when it came in.
    fn sender(
        &mut self,
        processed: &ProcessedMessage,
    ) -> Result<(AccountId, DeviceId), DecryptError> {
        let Sender::Member(index) = processed.sender() else {
            return Err(DecryptError::Malformed);
        };
        let credential = processed.credential();
        let key = (index.u32(), credential.serialized_content().to_vec());
        if let Some(known) = self.senders.get(&key) {
            return Ok(*known);
        }
        let sender = credential::verify_identity(LeafIndex(index.u32()), credential)?;
        self.senders.insert(key, (sender.account, sender.device));
        Ok((sender.account, sender.device))
    }
}

fn parse(message: &ApplicationBytes) -> Result<PrivateMessageIn, DecryptError> {
    let message = MlsMessageIn::tls_deserialize_exact(message.as_bytes())
        .map_err(|_| DecryptError::Malformed)?;
    let MlsMessageBodyIn::PrivateMessage(message) = message.extract() else {
        return Err(DecryptError::Malformed);
    };
    if message.content_type() == ContentType::Application {
        Ok(message)
    } else {
        Err(DecryptError::Malformed)
    }
}
