//! Control records: signed, in clear, in the conversation's log.

use thiserror::Error;
use xchat_types::{
    AccountId, ControlKind, ConversationId, Counter, DeviceId, Incarnation, Millis,
    limits::MAX_HANDSHAKE_BYTES,
};

use crate::{
    canonical::{Malformed, Reader},
    certificate::{Certificate, MAX_CHAIN},
    sign::{Label, PublicKey, SecretKey, Signature},
};

/// What a device says in clear to everybody in a conversation.
///
/// Canonical body: conversation 32 ‖ incarnation u32 ‖ kind u8 ‖ account 32 ‖ device 16 ‖
/// counter u64 ‖ `created_at` in ms u64 ‖ number of certificates u8 ‖ certificates 169 each ‖
/// length of the detail u32 ‖ detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRecord {
    pub conversation: ConversationId,
    pub incarnation: Incarnation,
    pub kind: ControlKind,
    pub account: AccountId,
    /// The signer; also the sender in the header.
    pub device: DeviceId,
    /// Of the envelope that carries it. Binds the signature to one envelope, so that a server
    /// cannot bring an old `accept` or `leave` back.
    pub counter: Counter,
    pub created_at: Millis,
    /// Of the signer, leaf first, where those who verify have no leaf of it. At most two.
    pub certificates: Vec<Certificate>,
    /// What a kind says beyond itself. Empty for `accept`, `decline` and `leave`.
    pub detail: Vec<u8>,
}

/// A control record as it travels: the very bytes that were signed.
///
/// Layout: length of the body u32 ‖ body ‖ signature 64, over the label "xchat-control-v1" and the
/// body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedControl {
    pub body: Vec<u8>,
    pub signature: Signature,
}

/// Why a control record says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ControlError {
    #[error("the control record does not have the expected form")]
    Malformed(#[from] Malformed),
    #[error("the control record is longer than 512 KiB or has more than two certificates")]
    TooLarge,
    #[error("the control record's signature does not verify")]
    BadSignature,
}

impl ControlRecord {
    /// Signs the record. Refuses one that no reader would take.
    pub fn sign(&self, device: &SecretKey) -> Result<SignedControl, ControlError> {
        let body = self.to_bytes()?;
        let signature = device.sign(Label::Control, &body);
        Ok(SignedControl { body, signature })
    }

    fn to_bytes(&self) -> Result<Vec<u8>, ControlError> {
        if self.certificates.len() > MAX_CHAIN || self.detail.len() > MAX_HANDSHAKE_BYTES {
            return Err(ControlError::TooLarge);
        }
        let count = u8::try_from(self.certificates.len()).map_err(|_| ControlError::TooLarge)?;
        let length = u32::try_from(self.detail.len()).map_err(|_| ControlError::TooLarge)?;
        let mut body = [
            self.conversation.as_bytes().as_slice(),
            &self.incarnation.0.to_be_bytes(),
            &[self.kind as u8],
            self.account.as_bytes(),
            self.device.as_bytes(),
            &self.counter.0.to_be_bytes(),
            &self.created_at.0.to_be_bytes(),
            &[count],
        ]
        .concat();
        for certificate in &self.certificates {
            body.extend_from_slice(&certificate.to_bytes());
        }
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(&self.detail);
        if body.len() > MAX_HANDSHAKE_BYTES {
            return Err(ControlError::TooLarge);
        }
        Ok(body)
    }

    fn from_bytes(body: &[u8]) -> Result<Self, ControlError> {
        if body.len() > MAX_HANDSHAKE_BYTES {
            return Err(ControlError::TooLarge);
        }
        let mut reader = Reader::new(body);
        let mut record = Self {
            conversation: ConversationId::new(reader.array()?),
            incarnation: Incarnation(reader.u32()?),
            kind: ControlKind::from_number(reader.u8()?).ok_or(Malformed)?,
            account: AccountId::new(reader.array()?),
            device: DeviceId::new(reader.array()?),
            counter: Counter(reader.u64()?),
            created_at: Millis(reader.u64()?),
            certificates: Vec::new(),
            detail: Vec::new(),
        };
        let count = usize::from(reader.u8()?);
        if count > MAX_CHAIN {
            return Err(ControlError::TooLarge);
        }
        for _ in 0..count {
            let bytes: [u8; Certificate::LEN] = reader.array()?;
            record.certificates.push(Certificate::from_bytes(&bytes)?);
        }
        record.detail = reader.part()?.to_vec();
        reader.end()?;
        Ok(record)
    }
}

impl SignedControl {
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.body.len()).unwrap_or(u32::MAX);
        [
            length.to_be_bytes().as_slice(),
            &self.body,
            self.signature.as_bytes(),
        ]
        .concat()
    }

    /// Reads the envelope payload of a control record without verifying it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ControlError> {
        let mut reader = Reader::new(bytes);
        let body = reader.part()?;
        let signature = Signature::new(reader.array()?);
        reader.end()?;
        if body.len() > MAX_HANDSHAKE_BYTES {
            return Err(ControlError::TooLarge);
        }
        Ok(Self {
            body: body.to_vec(),
            signature,
        })
    }

    /// What the record claims, unverified: to find out whose key it should verify under.
    pub fn claims(&self) -> Result<ControlRecord, ControlError> {
        ControlRecord::from_bytes(&self.body)
    }

    /// Verifies the signature over the bytes as they came, then reads them. That `device` is the
    /// record's device, and that of the header, is for the caller to compare.
    pub fn verify(&self, device: &PublicKey) -> Result<ControlRecord, ControlError> {
        device
            .verify(Label::Control, &self.body, &self.signature)
            .map_err(|_| ControlError::BadSignature)?;
        self.claims()
    }
}
