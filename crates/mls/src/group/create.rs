//! The first epoch of an incarnation, with this device as its only leaf.

use openmls::prelude::{GroupId as MlsGroupId, MlsGroup};
use openmls_traits::OpenMlsProvider as _;
use thiserror::Error;
use tls_codec::Serialize as _;
use xchat_crypto::derive;
use xchat_types::{ConversationId, Incarnation, Millis};

use super::{Group, config};
use crate::{
    bundle::Genesis,
    device::Device,
    extensions::{self, Extensions},
    rows::Rows,
    store::Provider,
    suite::Suite,
};

/// The group could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the group could not be made")]
pub struct CreateError;

/// What a new group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// Random, chosen by the creator.
    pub conversation: ConversationId,
    pub incarnation: Incarnation,
    pub suite: Suite,
    pub extensions: Extensions,
    /// The server's time.
    pub now: Millis,
}

impl Group {
    /// Makes a group and the genesis that tells the log of it. Members are added once the genesis
    /// is delivered.
    pub fn create(device: &Device, founding: &Founding) -> Result<(Self, Genesis), CreateError> {
        let extensions = extensions::write(&founding.extensions).map_err(|_| CreateError)?;
        let config =
            config::creating(founding.suite, extensions, founding.now).ok_or(CreateError)?;
        let id = derive::group_id(&founding.conversation, founding.incarnation);
        let provider = Provider::with_group(Rows::default());
        let mls = MlsGroup::new_with_group_id(
            &provider,
            device,
            &config,
            MlsGroupId::from_slice(id.as_ref()),
            device.credential_with_key(),
        )
        .map_err(|_| CreateError)?;
        let group = Self::new(mls, provider, founding.conversation, founding.incarnation);
        let genesis = group.genesis(device).ok_or(CreateError)?;
        Ok((group, genesis))
    }

    fn genesis(&self, device: &Device) -> Option<Genesis> {
        let group_info = self
            .mls
            .export_group_info(self.provider.crypto(), device, false)
            .ok()?;
        Some(Genesis {
            group_info: group_info.tls_serialize_detached().ok()?,
            tree: self
                .mls
                .export_ratchet_tree()
                .tls_serialize_detached()
                .ok()?,
        })
    }
}
