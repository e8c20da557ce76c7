//! A member that uses OpenMLS as it likes.

use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CommitMessageBundle, Credential, CredentialWithKey,
    Extension, ExtensionType, Extensions, GroupContext, GroupId, KeyPackage, LeafNodeIndex,
    Lifetime, MlsGroup, MlsGroupCreateConfig, MlsGroupJoinConfig, MlsMessageBodyIn, MlsMessageIn,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, RatchetTreeIn, StagedWelcome,
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::OpenMlsProvider as _;
use sha2::{Digest as _, Sha256};
use tls_codec::{Deserialize as _, Serialize as _};
use xchat_crypto::{derive, envelope};
use xchat_mls::{
    CommitBundle, CredentialBytes, Device, RatchetTreeBytes, Suite, WelcomeBytes, credential,
};
use xchat_types::{Counter, Epoch, Header, Incarnation, RecordKind};

use crate::{
    person::{CONVERSATION, Person, adding, certificate, gather},
    server::{self, Server},
};

pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519;
pub(crate) const POLICY: u16 = 0xF0A1;
pub(crate) const DIRECT: u16 = 0xF0A2;
const DAY: u64 = 86_400;

pub(crate) struct Rogue {
    pub(crate) device: Device,
    pub(crate) credential: CredentialBytes,
    pub(crate) provider: OpenMlsRustCrypto,
    group: Option<MlsGroup>,
    counter: u64,
}

pub(crate) fn capabilities() -> Capabilities {
    Capabilities::builder()
        .ciphersuites(vec![SUITE])
        .extensions(vec![
            ExtensionType::LastResort,
            ExtensionType::Unknown(POLICY),
            ExtensionType::Unknown(DIRECT),
        ])
        .build()
}

/// From and until, in seconds from now.
pub(crate) fn lifetime(from: i64, until: i64) -> Lifetime {
    let now = i64::try_from(server::now().seconds()).unwrap();
    let at = |offset| u64::try_from(now + offset).unwrap();
    Lifetime::init(at(from), at(until))
}

pub(crate) fn usual_lifetime() -> Lifetime {
    let days = |days: u64| i64::try_from(days * DAY).unwrap();
    lifetime(-days(2), days(82))
}

/// SHA-256("xchat-aad-v1" ‖ canonical header), a second time.
pub(crate) fn binding(header: &Header) -> Vec<u8> {
    Sha256::digest(
        [
            b"xchat-aad-v1",
            envelope::canonical_header(header).as_slice(),
        ]
        .concat(),
    )
    .to_vec()
}

/// A credential that holds for its device.
pub(crate) fn credential_of(person: &Person) -> CredentialBytes {
    let certificate = certificate(&person.root, person.device.key());
    credential::encode(&person.account(), &person.id(), &[certificate])
}

pub(crate) fn with_key(credential: &CredentialBytes, device: &Device) -> CredentialWithKey {
    CredentialWithKey {
        credential: Credential::from(BasicCredential::new(credential.as_bytes().to_vec())),
        signature_key: device.key().public().as_ref().into(),
    }
}

impl Rogue {
    pub(crate) fn new(seed: u8) -> Self {
        let person = Person::new(seed);
        Self {
            credential: credential_of(&person),
            device: person.device,
            provider: OpenMlsRustCrypto::default(),
            group: None,
            counter: 0,
        }
    }

    pub(crate) fn group(&mut self) -> &mut MlsGroup {
        self.group.as_mut().unwrap()
    }

    pub(crate) fn header(&mut self) -> Header {
        self.counter += 1;
        Header {
            conversation: CONVERSATION,
            incarnation: Incarnation(0),
            epoch: Epoch(self.group.as_ref().unwrap().epoch().as_u64()),
            sender: self.device.id(),
            counter: Counter(self.counter),
            kind: RecordKind::CommitBundle,
            created_at: server::now(),
        }
    }

    /// A key package with this credential and lifetime, signed by this device.
    pub(crate) fn package(&self, credential: &CredentialBytes, lifetime: Lifetime) -> KeyPackage {
        KeyPackage::builder()
            .leaf_node_capabilities(capabilities())
            .key_package_lifetime(lifetime)
            .build(
                SUITE,
                &self.provider,
                &self.device,
                with_key(credential, &self.device),
            )
            .unwrap()
            .key_package()
            .clone()
    }

    fn join(&mut self, welcome: &WelcomeBytes, tree: &RatchetTreeBytes) {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .build();
        let message = MlsMessageIn::tls_deserialize_exact(welcome.as_bytes()).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else {
            panic!("a welcome");
        };
        let tree = RatchetTreeIn::tls_deserialize_exact(tree.as_bytes()).unwrap();
        let staged =
            StagedWelcome::new_from_welcome(&self.provider, &config, welcome, Some(tree)).unwrap();
        self.group = Some(staged.into_group(&self.provider).unwrap());
    }

    /// A group of an owner and this member. The rogue's role is that of an owner too, so that
    /// nothing is refused for its role.
    pub(crate) fn in_a_group(seed: u8) -> (Server, Person, Self) {
        let mut rogue = Self::new(seed);
        let mut owner = Person::new(200);
        let mut server = Server::new();
        gather(&mut server, Suite::Classical, &mut [&mut owner]);
        let package = rogue.package(&rogue.credential.clone(), usual_lifetime());
        let mut change = adding(vec![package.tls_serialize_detached().unwrap().into()]);
        let mut policy = owner.group().extensions().unwrap().policy;
        policy.set_role(rogue.device.account(), xchat_mls::Role::Owner);
        change.policy = Some(policy);
        let (header, bundle) = owner.commit(&change);
        let effect = server.submit(&header, &bundle).unwrap();
        owner.apply(&server, &header, &bundle).unwrap();
        rogue.join(&effect.added[0].welcome, &server.tree());
        (server, owner, rogue)
    }

    /// Founds a group that no judge has seen, with these extensions, and adds the packages.
    pub(crate) fn gather_unseen(
        &mut self,
        extensions: Extensions<GroupContext>,
        packages: &[KeyPackage],
    ) -> (WelcomeBytes, RatchetTreeBytes) {
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(SUITE)
            .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
            .capabilities(capabilities())
            .with_group_context_extensions(extensions)
            .build();
        let id = derive::group_id(&CONVERSATION, Incarnation(0));
        let mut group = MlsGroup::new_with_group_id(
            &self.provider,
            &self.device,
            &config,
            GroupId::from_slice(id.as_ref()),
            with_key(&self.credential, &self.device),
        )
        .unwrap();
        let (_, welcome, _) = group
            .add_members(&self.provider, &self.device, packages)
            .unwrap();
        group.merge_pending_commit(&self.provider).unwrap();
        let tree = group
            .export_ratchet_tree()
            .tls_serialize_detached()
            .unwrap();
        self.group = Some(group);
        (welcome.to_bytes().unwrap().into(), tree.into())
    }

    /// Lends out group, provider and signer at once.
    pub(crate) fn lend<T>(
        &mut self,
        with: impl FnOnce(&mut MlsGroup, &OpenMlsRustCrypto, &Device) -> T,
    ) -> T {
        with(self.group.as_mut().unwrap(), &self.provider, &self.device)
    }

    /// The extensions of the group, to be changed.
    pub(crate) fn extensions(&mut self) -> Vec<Extension> {
        self.group().extensions().iter().cloned().collect()
    }

    /// A commit with these proposals beside the update, bound to the header.
    pub(crate) fn commit(&mut self, header: &Header, wish: Wish) -> CommitBundle {
        let Self {
            device,
            provider,
            group,
            ..
        } = self;
        let group = group.as_mut().unwrap();
        group.set_aad(binding(header));
        let mut builder = group
            .commit_builder()
            .force_self_update(true)
            .propose_adds(wish.add)
            .propose_removals(wish.remove)
            .add_proposals(wish.proposals);
        if let Some(extensions) = wish.extensions {
            builder = builder
                .propose_group_context_extensions(extensions)
                .unwrap();
        }
        let made = builder
            .load_psks(provider.storage())
            .unwrap()
            .build(provider.rand(), provider.crypto(), device, |_| true)
            .unwrap()
            .stage_commit(provider)
            .unwrap();
        bundle(&made)
    }
}

#[derive(Default)]
pub(crate) struct Wish {
    pub(crate) add: Vec<KeyPackage>,
    pub(crate) remove: Vec<LeafNodeIndex>,
    pub(crate) proposals: Vec<openmls::prelude::Proposal>,
    pub(crate) extensions: Option<Extensions<GroupContext>>,
}

pub(crate) fn bundle(made: &CommitMessageBundle) -> CommitBundle {
    let welcome = made
        .to_welcome_msg()
        .map(|welcome| welcome.to_bytes().unwrap());
    bundle_of(made.commit().to_bytes().unwrap(), welcome)
}

pub(crate) fn bundle_of(commit: Vec<u8>, welcome: Option<Vec<u8>>) -> CommitBundle {
    let parts = [Some(commit), welcome].into_iter().flatten();
    let parts = parts.map(ciborium::Value::Bytes).collect();
    let mut bytes = Vec::new();
    ciborium::into_writer(&ciborium::Value::Array(parts), &mut bytes).unwrap();
    CommitBundle::from_bytes(&bytes).unwrap()
}
