//! Device certificates: which devices speak for an account.

use thiserror::Error;
use xchat_types::{AccountId, DeviceId, Millis};

use crate::{
    canonical::{Malformed, Reader},
    derive,
    sign::{Label, PublicKey, SecretKey, Signature},
};

/// Longest chain: the leaf's certificate and that of the device that signed it.
pub const MAX_CHAIN: usize = 2;

/// A certificate as it was issued or received: the signed bytes, and what they say.
///
/// Layout, 169 bytes: root public key 32 ‖ device public key 32 ‖ `not_before` in ms u64 ‖
/// `may_certify` u8 (0 or 1) ‖ signer public key 32 ‖ signature 64. The signature is over the label
/// "xchat-device-v1" and the 105 bytes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificate {
    signed: [u8; Self::SIGNED_LEN],
    signature: Signature,
    fields: Fields,
}

/// What a certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fields {
    root: PublicKey,
    device: PublicKey,
    not_before: Millis,
    may_certify: bool,
    signer: PublicKey,
}

/// What is to be certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub root: PublicKey,
    pub device: PublicKey,
    pub not_before: Millis,
    /// Whether the device may certify others. Only the root may grant it.
    pub may_certify: bool,
}

/// A device whose chain was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedDevice {
    pub account: AccountId,
    pub root: PublicKey,
    pub device_id: DeviceId,
    pub device_key: PublicKey,
    /// Who signed the device's certificate: the root, or a certifying device of the account.
    pub signer: PublicKey,
    pub not_before: Millis,
    /// Granted by the root.
    pub may_certify: bool,
}

/// Why a chain proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    #[error("a certificate does not have the expected form")]
    Malformed(#[from] Malformed),
    #[error("there is no certificate")]
    Empty,
    #[error("the certificate is of another account")]
    OtherAccount,
    #[error("the chain is longer than a device and its certifier")]
    TooDeep,
    #[error("the certificate of the signing device is missing")]
    MissingSigner,
    #[error("a certificate beyond the one signed by the root")]
    Superfluous,
    #[error("the second certificate is not of the device that signed the first")]
    SignerMismatch,
    #[error("the signing device may not certify others")]
    MayNotCertify,
    #[error("only the root may let a device certify others")]
    GrantedByDevice,
    #[error("the root key cannot be a device key")]
    RootAsDevice,
    #[error("the device key is not a usable public key")]
    WeakKey,
    #[error("a certificate's signature does not verify")]
    BadSignature,
}

impl Certificate {
    pub const LEN: usize = Self::SIGNED_LEN + Signature::LEN;
    const SIGNED_LEN: usize = 105;

    /// Signs a grant with the root key or with the key of a device that may certify. Whether the
    /// signer may is for [`verify_chain`] to say.
    pub fn issue(grant: &Grant, signer: &SecretKey) -> Self {
        let fields = Fields {
            root: grant.root,
            device: grant.device,
            not_before: grant.not_before,
            may_certify: grant.may_certify,
            signer: signer.public(),
        };
        let signed = fields.to_bytes();
        let signature = signer.sign(Label::Device, &signed);
        Self {
            signed,
            signature,
            fields,
        }
    }

    /// Reads a certificate without verifying it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let signed = reader.array()?;
        let signature = Signature::new(reader.array()?);
        reader.end()?;
        Ok(Self {
            signed,
            signature,
            fields: Fields::from_bytes(&signed)?,
        })
    }

    pub fn to_bytes(self) -> Vec<u8> {
        [self.signed.as_slice(), self.signature.as_bytes()].concat()
    }

    pub const fn root(&self) -> PublicKey {
        self.fields.root
    }

    pub const fn device(&self) -> PublicKey {
        self.fields.device
    }

    pub const fn not_before(&self) -> Millis {
        self.fields.not_before
    }

    pub const fn may_certify(&self) -> bool {
        self.fields.may_certify
    }

    pub const fn signer(&self) -> PublicKey {
        self.fields.signer
    }

    pub fn device_id(&self) -> DeviceId {
        derive::device_id(&self.fields.device)
    }

    fn is_by_root(&self) -> bool {
        self.fields.signer == self.fields.root
    }

    /// What holds for each certificate by itself.
    fn verify(&self, account: AccountId) -> Result<(), CertificateError> {
        let fields = &self.fields;
        if derive::account_id(&fields.root) != account {
            return Err(CertificateError::OtherAccount);
        }
        if fields.device == fields.root {
            return Err(CertificateError::RootAsDevice);
        }
        if fields.may_certify && !self.is_by_root() {
            return Err(CertificateError::GrantedByDevice);
        }
        fields
            .device
            .check()
            .map_err(|_| CertificateError::WeakKey)?;
        fields
            .signer
            .verify(Label::Device, &self.signed, &self.signature)
            .map_err(|_| CertificateError::BadSignature)
    }
}

impl Fields {
    fn to_bytes(self) -> [u8; Certificate::SIGNED_LEN] {
        let parts: [&[u8]; 5] = [
            self.root.as_bytes(),
            self.device.as_bytes(),
            &self.not_before.0.to_be_bytes(),
            &[u8::from(self.may_certify)],
            self.signer.as_bytes(),
        ];
        let mut bytes = [0; Certificate::SIGNED_LEN];
        let source = parts.into_iter().flatten();
        bytes
            .iter_mut()
            .zip(source)
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    fn from_bytes(bytes: &[u8; Certificate::SIGNED_LEN]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let fields = Self {
            root: PublicKey::new(reader.array()?),
            device: PublicKey::new(reader.array()?),
            not_before: Millis(reader.u64()?),
            may_certify: reader.flag()?,
            signer: PublicKey::new(reader.array()?),
        };
        reader.end()?;
        Ok(fields)
    }
}

/// Verifies that the first certificate's device speaks for `account`: it is signed by the root
/// and stands alone, or by a device whose certificate comes second, signed by the root with
/// `may_certify`. `not_before` is reported, not judged: there is no clock here.
pub fn verify_chain(
    account: AccountId,
    chain: &[Certificate],
) -> Result<VerifiedDevice, CertificateError> {
    let (leaf, signers) = chain.split_first().ok_or(CertificateError::Empty)?;
    leaf.verify(account)?;
    match (leaf.is_by_root(), signers) {
        (true, []) => {}
        (true, _) => return Err(CertificateError::Superfluous),
        (false, []) => return Err(CertificateError::MissingSigner),
        (false, [certifier]) => verify_certifier(account, leaf, certifier)?,
        (false, _) => return Err(CertificateError::TooDeep),
    }
    Ok(VerifiedDevice {
        account,
        root: leaf.root(),
        device_id: leaf.device_id(),
        device_key: leaf.device(),
        signer: leaf.signer(),
        not_before: leaf.not_before(),
        may_certify: leaf.may_certify(),
    })
}

fn verify_certifier(
    account: AccountId,
    leaf: &Certificate,
    certifier: &Certificate,
) -> Result<(), CertificateError> {
    if certifier.device() != leaf.signer() {
        return Err(CertificateError::SignerMismatch);
    }
    certifier.verify(account)?;
    if !certifier.is_by_root() {
        return Err(CertificateError::TooDeep);
    }
    if !certifier.may_certify() {
        return Err(CertificateError::MayNotCertify);
    }
    Ok(())
}
