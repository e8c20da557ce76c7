//! The same settings in every group of every device (protocol, "Suites and key packages").

use openmls::prelude::{
    Extensions as MlsExtensions, GroupContext, MlsGroupCreateConfig, MlsGroupJoinConfig,
    PURE_PLAINTEXT_WIRE_FORMAT_POLICY, SenderRatchetConfiguration,
};
use xchat_types::Millis;

use crate::{extensions, lifetime, suite::Suite};

/// Epochs whose messages can still be read: what the fold still applies.
const PAST_EPOCHS: usize = 3;
/// Application messages of one sender that may arrive out of order.
const OUT_OF_ORDER: u32 = 64;
/// How far a sender's messages may be ahead of the last one seen.
const FORWARD_DISTANCE: u32 = 10_000;

fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER, FORWARD_DISTANCE)
}

pub(super) fn joining() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(false)
        .max_past_epochs(PAST_EPOCHS)
        .sender_ratchet_configuration(ratchet())
        .build()
}

/// `None` only if this build of OpenMLS lacks the suite.
pub(super) fn creating(
    suite: Suite,
    extensions: MlsExtensions<GroupContext>,
    now: Millis,
) -> Option<MlsGroupCreateConfig> {
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(suite.ciphersuite()?)
        .wire_format_policy(PURE_PLAINTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(false)
        .max_past_epochs(PAST_EPOCHS)
        .sender_ratchet_configuration(ratchet())
        .capabilities(extensions::capabilities(suite))
        .with_group_context_extensions(extensions)
        .lifetime(lifetime::starting(now))
        .build();
    Some(config)
}
