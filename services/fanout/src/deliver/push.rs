//! What a folded record is to the gateways: the ciphertext once, and the devices it goes to.

use std::collections::BTreeMap;

use xchat_ports::routing::Route;
use xchat_proto::{
    client::{DeliverPush, OutcomePush, ResyncPush, Welcome, WelcomePush},
    convert,
    gateway::{DeliverItem, Target, deliver_item::Push},
};
use xchat_types::{ConversationId, DeviceId, Millis};

use super::record::{content, delivered};
use crate::{
    domain::effects::{Envelope, Invitation, Told},
    worker::Announcement,
};

type ByGateway<'r> = BTreeMap<&'r str, Vec<DeliverItem>>;

/// The items of a record, by gateway. `route` says where a device is, if it is meant and anywhere.
pub fn items<'r>(
    announcement: &Announcement,
    route: impl Fn(&DeviceId) -> Option<&'r Route>,
    now: Millis,
) -> ByGateway<'r> {
    let effects = &announcement.effects;
    let conversation = &announcement.conversation;
    let mut items = ByGateway::new();
    if let Some(envelope) = &effects.envelope {
        let sender = envelope.header.map(|header| header.sender);
        for own in [true, false] {
            let devices = effects
                .audience
                .iter()
                .filter(|device| (Some(**device) == sender) == own);
            if let Some(push) = record(envelope, effects.payload.as_ref(), own, now) {
                send(&mut items, devices.filter_map(&route), &push);
            }
        }
    }
    for invitation in &effects.welcomes {
        let push = Push::Welcome(WelcomePush {
            welcome: Some(welcome(conversation, invitation)),
        });
        send(&mut items, route(&invitation.device).into_iter(), &push);
    }
    if let Some(told) = &effects.told {
        let push = outcome(conversation, told);
        send(&mut items, route(&told.device).into_iter(), &push);
    }
    if let Some(trace) = announcement.trace {
        for item in items.values_mut().flatten() {
            item.traceparent = trace.to_string();
        }
    }
    items
}

/// For devices that may have missed something.
pub fn resync<'r>(routes: impl Iterator<Item = &'r Route>) -> ByGateway<'r> {
    let mut items = ByGateway::new();
    send(&mut items, routes, &Push::Resync(ResyncPush {}));
    items
}

fn send<'r>(items: &mut ByGateway<'r>, routes: impl Iterator<Item = &'r Route>, push: &Push) {
    let mut targets: BTreeMap<&'r str, Vec<Target>> = BTreeMap::new();
    for route in routes {
        targets.entry(&route.gateway).or_default().push(Target {
            device_id: convert::id_bytes(&route.device),
            connection_id: route.connection,
        });
    }
    for (gateway, targets) in targets {
        items.entry(gateway).or_default().push(DeliverItem {
            targets,
            push: Some(push.clone()),
            traceparent: String::new(),
        });
    }
}

/// A payload that was never written is one whose bucket had ended: it is not pushed either.
fn record(
    envelope: &Envelope,
    payload: Option<&bytes::Bytes>,
    own: bool,
    now: Millis,
) -> Option<Push> {
    let content = content(envelope, payload, own, now)?;
    Some(Push::Deliver(DeliverPush {
        records: vec![delivered(envelope, content)],
    }))
}

/// A welcome as devices see it.
pub fn welcome(conversation: &ConversationId, invitation: &Invitation) -> Welcome {
    Welcome {
        welcome_ref: convert::id_bytes(&invitation.reference),
        conversation_id: convert::id_bytes(conversation),
        incarnation: invitation.incarnation.0,
        epoch: invitation.epoch.0,
        sequence: invitation.sequence.0,
        head_hash: convert::id_bytes(&invitation.head_hash),
        welcome: bytes::Bytes::copy_from_slice(invitation.welcome.as_bytes()),
    }
}

fn outcome(conversation: &ConversationId, told: &Told) -> Push {
    Push::Outcome(OutcomePush {
        conversation_id: convert::id_bytes(conversation),
        counter: told.counter.0,
        outcome: Some((&told.outcome).into()),
        digest_prefix: bytes::Bytes::copy_from_slice(&told.digest_prefix),
    })
}
