//! One welcome secret per added leaf, and for each device a welcome of its own.

use std::collections::BTreeMap;

use openmls::prelude::EncryptedGroupSecrets;
use sha2::{Digest as _, Sha256};
use tls_codec::{Deserialize as _, Serialize as _, VLBytes};
use xchat_crypto::derive;
use xchat_types::{Epoch, GroupId, WelcomeRef};

use super::{Added, Refusal, Scene, adds::Arrival};
use crate::{key_package, wire::WelcomeBytes};

/// `MLSMessage` frame of a welcome: version 1.0, wire format `mls_welcome` (RFC 9420, section 6).
const FRAME: [u8; 4] = [0, 1, 0, 3];

/// `Welcome` (RFC 9420, section 12.4.3.1). OpenMLS keeps the encrypted group info to itself.
struct Welcome {
    ciphersuite: u16,
    secrets: BTreeMap<Vec<u8>, EncryptedGroupSecrets>,
    group_info: VLBytes,
}

impl Scene<'_> {
    pub(super) fn rule_on_welcomes(
        &self,
        arrivals: &[Arrival],
        epoch: Epoch,
    ) -> Result<Vec<Added>, Refusal> {
        let welcome = match &self.case.bundle.welcome {
            None if arrivals.is_empty() => return Ok(Vec::new()),
            Some(bytes) if !arrivals.is_empty() => Welcome::parse(bytes)?,
            None | Some(_) => return Err(Refusal::Welcome),
        };
        let suite = self.suite.ciphersuite().map(u16::from);
        if suite != Some(welcome.ciphersuite) || welcome.secrets.len() != arrivals.len() {
            return Err(Refusal::Welcome);
        }
        let header = self.case.header;
        let group_id = derive::group_id(&header.conversation, header.incarnation);
        arrivals
            .iter()
            .map(|arrival| welcome.admit(arrival, &group_id, epoch))
            .collect()
    }
}

impl Welcome {
    fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let mut rest = bytes.strip_prefix(&FRAME).ok_or(Refusal::Welcome)?;
        Self::read(&mut rest)
            .ok()
            .filter(|_| rest.is_empty())
            .flatten()
            .ok_or(Refusal::Welcome)
    }

    /// `None` if two secrets are for one key package.
    fn read(rest: &mut &[u8]) -> Result<Option<Self>, tls_codec::Error> {
        let ciphersuite = u16::tls_deserialize(rest)?;
        let listed = Vec::<EncryptedGroupSecrets>::tls_deserialize(rest)?;
        let group_info = VLBytes::tls_deserialize(rest)?;
        let count = listed.len();
        let secrets: BTreeMap<_, _> = listed
            .into_iter()
            .map(|secret| (secret.new_member().as_slice().to_vec(), secret))
            .collect();
        Ok((secrets.len() == count).then_some(Self {
            ciphersuite,
            secrets,
            group_info,
        }))
    }

    fn admit(&self, arrival: &Arrival, group_id: &GroupId, epoch: Epoch) -> Result<Added, Refusal> {
        let secret = self
            .secrets
            .get(&arrival.reference)
            .ok_or(Refusal::Welcome)?;
        let welcome = self.for_one(secret).map_err(|_| Refusal::Welcome)?;
        Ok(Added {
            leaf: arrival.leaf,
            known_account: arrival.known_account,
            key_package: key_package::reference(&arrival.reference).ok_or(Refusal::Invalid)?,
            welcome_ref: welcome_ref(group_id, epoch, &arrival.reference),
            welcome,
        })
    }

    /// The same welcome with one secret: each secret is encrypted by itself, with the group info
    /// as its context, so the others can be left out.
    fn for_one(&self, secret: &EncryptedGroupSecrets) -> Result<WelcomeBytes, tls_codec::Error> {
        let mut bytes = FRAME.to_vec();
        self.ciphersuite.tls_serialize(&mut bytes)?;
        std::slice::from_ref(secret).tls_serialize(&mut bytes)?;
        self.group_info.tls_serialize(&mut bytes)?;
        Ok(WelcomeBytes::from(bytes))
    }
}

fn welcome_ref(group_id: &GroupId, epoch: Epoch, reference: &[u8]) -> WelcomeRef {
    let hash = Sha256::new()
        .chain_update(b"xchat-welcome-v1")
        .chain_update(group_id)
        .chain_update(epoch.0.to_be_bytes())
        .chain_update(reference)
        .finalize();
    WelcomeRef::new(hash.into())
}
