//! Telling devices: pushes to the routes there are, marks for all, pushes to the routes that came
//! up meanwhile.
//!
//! A gateway registers a route, then reads marks; this side writes marks, then looks up. So a
//! device that connects in between is seen by one of the two. That holds for a device that had a
//! route before, too: a push to a connection that is dead or replaced reaches nobody.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use xchat_ports::{
    Clock, MessageStore, Routing, TraceContext, message_store::Mark, routing::Route,
};
use xchat_proto::gateway::DeliverItem;
use xchat_types::{ConversationId, DeviceId, Sequence};

use crate::{
    Error,
    deliver::{Deliverer, push},
    domain::{Effects, Place},
    metrics::{Folded, metrics},
};

/// A folded record that is written, and of which devices are to hear.
#[derive(Clone, Debug)]
pub struct Announcement {
    pub conversation: ConversationId,
    pub place: Place,
    pub effects: Effects,
    /// It had been folded before.
    pub replayed: bool,
    /// The span that folded it, if its trace is sampled.
    pub trace: Option<TraceContext>,
}

/// Announces batches. Pushes go out at once; marks are collected and flushed.
#[derive(Debug)]
pub struct Announcer {
    store: Arc<dyn MessageStore>,
    routing: Arc<dyn Routing>,
    deliverer: Deliverer,
    clock: Arc<dyn Clock>,
    pending: Pending,
    /// Devices that were to hear of something, and whose routes could not be read. Those of them
    /// that have one when routes can be read are told to resync.
    unheard: BTreeSet<DeviceId>,
}

/// What the next flush will do.
#[derive(Debug, Default)]
struct Pending {
    marks: BTreeMap<(DeviceId, ConversationId), Sequence>,
    /// Devices that were marked, told an outcome or invited, and the connection each was pushed to,
    /// if it had one.
    announced: Vec<(Arc<Announcement>, Pushed)>,
}

/// Presence takes no more.
const LOOKED_UP_AT_ONCE: usize = 10_000;

type Routes = HashMap<DeviceId, Route>;
type Pushed = BTreeMap<DeviceId, Option<Route>>;

impl Announcer {
    pub fn new(
        store: Arc<dyn MessageStore>,
        routing: Arc<dyn Routing>,
        deliverer: Deliverer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            routing,
            deliverer,
            clock,
            pending: Pending::default(),
            unheard: BTreeSet::new(),
        }
    }

    /// Whether another flush is due though nothing was announced.
    pub fn owes(&self) -> bool {
        !self.unheard.is_empty()
    }

    /// Pushes a batch, one read of routes for all of it, and notes its marks.
    pub async fn announce(&mut self, batch: Vec<Announcement>) {
        self.measure(&batch);
        let batch: Vec<_> = batch.into_iter().map(Arc::new).collect();
        let devices: BTreeSet<_> = batch
            .iter()
            .flat_map(|announcement| heard(announcement))
            .collect();
        let (routes, unread) = self.routes(&devices).await;
        self.unheard.extend(unread);
        self.push(batch.iter().map(|record| (&**record, None)), &routes);
        for announcement in batch {
            self.note(announcement, &routes);
        }
    }

    /// Writes the marks, and only then looks up again who was to hear: whoever has another
    /// connection now than the one that was pushed to is pushed again. Cancel-safe: the next flush
    /// does all of it again.
    pub async fn flush(&mut self) -> Result<(), Error> {
        let marks: Vec<_> = self
            .pending
            .marks
            .iter()
            .map(|(&(device, conversation), &sequence)| Mark {
                device,
                conversation,
                sequence,
            })
            .collect();
        if !marks.is_empty() {
            self.store.write_marks(&marks).await?;
            metrics().marks.add(marks.len(), ());
        }
        let announced = self.pending.announced.iter();
        let mut devices: BTreeSet<_> = announced
            .flat_map(|(_, pushed)| pushed.keys().copied())
            .collect();
        devices.extend(&self.unheard);
        let (routes, unread) = self.routes(&devices).await;
        let Pending { announced, .. } = std::mem::take(&mut self.pending);
        let unheard = std::mem::replace(&mut self.unheard, unread);
        self.push(
            announced
                .iter()
                .map(|(announcement, pushed)| (&**announcement, Some(pushed))),
            &routes,
        );
        let found = unheard.iter().filter_map(|device| routes.get(device));
        for (gateway, items) in push::resync(found) {
            self.deliverer.send(gateway, items);
        }
        Ok(())
    }

    fn measure(&self, batch: &[Announcement]) {
        let now = self.clock.now();
        for Announcement {
            effects, replayed, ..
        } in batch
        {
            let folded = Folded::of(effects, *replayed);
            metrics().folded.one(folded);
            if let (Folded::Applied, Some(envelope)) = (folded, &effects.envelope) {
                let took = Duration::from_millis(envelope.accepted_at.until(now));
                metrics().applied_after.record(took, ());
            }
        }
    }

    fn note(&mut self, announcement: Arc<Announcement>, routes: &Routes) {
        let effects = &announcement.effects;
        let mut devices: BTreeSet<_> = addressed(&announcement).collect();
        if let Some(sequence) = effects.marked {
            for device in &effects.audience {
                let key = (*device, announcement.conversation);
                let mark = self.pending.marks.entry(key).or_default();
                *mark = sequence.max(*mark);
            }
            devices.extend(&effects.audience);
        }
        let pushed: Pushed = devices
            .into_iter()
            .map(|device| (device, routes.get(&device).cloned()))
            .collect();
        if !pushed.is_empty() {
            self.pending.announced.push((announcement, pushed));
        }
    }

    /// The routes of devices, and the devices whose routes can't be read.
    async fn routes(&self, devices: &BTreeSet<DeviceId>) -> (Routes, BTreeSet<DeviceId>) {
        let devices: Vec<_> = devices.iter().copied().collect();
        let (mut routes, mut unread) = (Routes::new(), BTreeSet::new());
        for devices in devices.chunks(LOOKED_UP_AT_ONCE) {
            match self.routing.lookup(devices).await {
                Ok(found) => routes.extend(found.into_iter().map(|route| (route.device, route))),
                Err(cause) => {
                    tracing::warn!(%cause, "routes can't be read: devices resync when they can");
                    unread.extend(devices);
                }
            }
        }
        (routes, unread)
    }

    /// One batch a gateway, in the order of the fold; to all, or only to those devices whose
    /// connection is another than the one pushed to.
    fn push<'a>(
        &self,
        announcements: impl Iterator<Item = (&'a Announcement, Option<&'a Pushed>)>,
        routes: &Routes,
    ) {
        let now = self.clock.now();
        let mut batches: BTreeMap<&str, Vec<DeliverItem>> = BTreeMap::new();
        for (announcement, only) in announcements {
            let route = |device: &DeviceId| {
                let route = routes.get(device)?;
                let meant = only.is_none_or(|pushed| {
                    let before = pushed.get(device);
                    before.is_some_and(|before| before.as_ref() != Some(route))
                });
                meant.then_some(route)
            };
            for (gateway, items) in push::items(announcement, route, now) {
                batches.entry(gateway).or_default().extend(items);
            }
        }
        for (gateway, items) in batches {
            self.deliverer.send(gateway, items);
        }
    }
}

/// Every device that a record has something for.
fn heard(announcement: &Announcement) -> impl Iterator<Item = DeviceId> {
    let audience = announcement.effects.audience.iter().copied();
    audience.chain(addressed(announcement))
}

/// Devices that a record has an outcome or a welcome for: no mark tells them of it.
fn addressed(announcement: &Announcement) -> impl Iterator<Item = DeviceId> {
    let effects = &announcement.effects;
    let told = effects.told.iter().map(|told| told.device);
    let invited = effects.welcomes.iter().map(|invitation| invitation.device);
    told.chain(invited)
}
