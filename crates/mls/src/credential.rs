//! Who a leaf is: a `BasicCredential` (RFC 9420, section 5.3) whose identity is deterministic CBOR
//!
//! ```text
//! {1: account id (32 bytes), 2: device id (16 bytes), 3: [certificate (169 bytes), …]}
//! ```
//!
//! with the leaf's certificate first and its signer's second where that is not the root, so that
//! the pure check needs nothing else. OpenMLS leaves the meaning of credentials to the
//! application: [`verify_leaf`] is called at every place where it hands one out.

use openmls::prelude::{BasicCredential, Credential, LeafNode, Member};
use thiserror::Error;
use xchat_crypto::{Certificate, CertificateError, PublicKey, certificate};
use xchat_types::{AccountId, DeviceId};

use crate::{
    canonical::{NotCanonical, Reader, Writer},
    wire::CredentialBytes,
};

/// Position of a leaf in the ratchet tree (RFC 9420, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(pub u32);

/// A verified leaf. Its device is the hash of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    pub index: LeafIndex,
    pub account: AccountId,
    pub device: DeviceId,
    /// The leaf's signature key, which is the device key of its certificate.
    pub key: PublicKey,
}

/// Why a leaf is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CredentialError {
    #[error("the credential is not one of ours")]
    Malformed,
    #[error("the certificate does not stand for the account")]
    Certificate(#[from] CertificateError),
    #[error("the device id is not the hash of the certified key")]
    DeviceId,
    #[error("the leaf's signature key is not the certified device key")]
    SignatureKey,
}

impl From<NotCanonical> for CredentialError {
    fn from(_: NotCanonical) -> Self {
        Self::Malformed
    }
}

/// Encodes a credential. `certificates`: the leaf's, then its signer's if that is not the root.
pub fn encode(
    account: &AccountId,
    device: &DeviceId,
    certificates: &[Certificate],
) -> CredentialBytes {
    let mut writer = Writer::default();
    writer.map(3).uint(1).bytes(account.as_bytes());
    writer.uint(2).bytes(device.as_bytes());
    writer.uint(3).array(certificates.len());
    for certificate in certificates {
        writer.bytes(&certificate.to_bytes());
    }
    CredentialBytes::from(writer.into_bytes())
}

struct Claim {
    account: AccountId,
    device: DeviceId,
    chain: Vec<Certificate>,
}

fn decode(bytes: &[u8]) -> Result<Claim, CredentialError> {
    let mut reader = Reader::new(bytes);
    reader.map(3)?;
    reader.key(1)?;
    let account = reader.fixed()?;
    reader.key(2)?;
    let device = reader.fixed()?;
    reader.key(3)?;
    let certificates = reader.array()?;
    if certificates > certificate::MAX_CHAIN {
        return Err(CredentialError::Malformed);
    }
    let chain = (0..certificates)
        .map(|_| {
            Certificate::from_bytes(reader.bytes()?)
                .map_err(|cause| CredentialError::Certificate(cause.into()))
        })
        .collect::<Result<_, CredentialError>>()?;
    reader.finish()?;
    Ok(Claim {
        account,
        device,
        chain,
    })
}

/// Verifies that a credential's chain leads from the account's root key to the device key, that
/// the leaf signs with that key, and that the device id is its hash.
pub fn verify_leaf(
    index: LeafIndex,
    identity: &CredentialBytes,
    signature_key: &[u8],
) -> Result<Leaf, CredentialError> {
    let leaf = verify_chain(index, identity)?;
    if leaf.key.as_bytes() == signature_key {
        Ok(leaf)
    } else {
        Err(CredentialError::SignatureKey)
    }
}

fn verify_chain(index: LeafIndex, identity: &CredentialBytes) -> Result<Leaf, CredentialError> {
    let claim = decode(identity.as_bytes())?;
    let verified = certificate::verify_chain(claim.account, &claim.chain)?;
    if verified.device_id != claim.device {
        return Err(CredentialError::DeviceId);
    }
    Ok(Leaf {
        index,
        account: claim.account,
        device: claim.device,
        key: verified.device_key,
    })
}

/// For a credential without its leaf's key, which was verified when the leaf came in.
pub(crate) fn verify_identity(
    index: LeafIndex,
    credential: &Credential,
) -> Result<Leaf, CredentialError> {
    verify_chain(index, &identity(credential)?)
}

fn identity(credential: &Credential) -> Result<CredentialBytes, CredentialError> {
    let basic =
        BasicCredential::try_from(credential.clone()).map_err(|_| CredentialError::Malformed)?;
    Ok(CredentialBytes::from(basic.identity().to_vec()))
}

pub(crate) fn verify_node(index: LeafIndex, node: &LeafNode) -> Result<Leaf, CredentialError> {
    let identity = identity(node.credential())?;
    verify_leaf(index, &identity, node.signature_key().as_slice())
}

fn verify_member(member: &Member) -> Result<Leaf, CredentialError> {
    let index = LeafIndex(member.index.u32());
    verify_leaf(index, &identity(&member.credential)?, &member.signature_key)
}

/// Reads the leaves of a state that the judge made, in index order. Each was verified when it came
/// in, by [`verify_leaf`]; a chain of signatures for every leaf and commit would only cost time.
pub(crate) fn read_members(
    members: impl Iterator<Item = Member>,
) -> Result<Vec<Leaf>, CredentialError> {
    members.map(|member| read_member(&member)).collect()
}

fn read_member(member: &Member) -> Result<Leaf, CredentialError> {
    let claim = decode(identity(&member.credential)?.as_bytes())?;
    let key = PublicKey::try_from(member.signature_key.as_slice());
    Ok(Leaf {
        index: LeafIndex(member.index.u32()),
        account: claim.account,
        device: claim.device,
        key: key.map_err(|_| CredentialError::SignatureKey)?,
    })
}

/// The root key under which an account's leaf was certified, from a state that the judge made.
pub(crate) fn read_root(member: &Member, account: &AccountId) -> Option<PublicKey> {
    let claim = decode(identity(&member.credential).ok()?.as_bytes()).ok()?;
    let leaf = claim.chain.first().filter(|_| claim.account == *account)?;
    Some(leaf.root())
}

/// Verifies every leaf, in index order.
pub(crate) fn verify_members(
    members: impl Iterator<Item = Member>,
) -> Result<Vec<Leaf>, CredentialError> {
    members.map(|member| verify_member(&member)).collect()
}
