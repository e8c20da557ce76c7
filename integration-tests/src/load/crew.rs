//! Who takes part: signed up, and in conversations in which all have accepted.

use std::{sync::Arc, time::Duration};

use xchat_types::{ConversationId, Counter, Epoch};

use super::{Dice, Hand, Plan, Shared, envelope::Mould, seat::Seat};
use crate::{
    history::{Conversation, Device as Number},
    raw::{Device, Link, Room},
};

const MEMBERS: usize = 4;
/// Genesis, bundle, and an `accept` of everyone but the creator: what is judged begins above.
pub(super) const AFTER: u64 = 2 + (MEMBERS as u64 - 1);
/// Bytes of the messages before encryption.
const SIZES: [usize; 4] = [40, 120, 400, 3_000];

pub(super) struct Crew {
    pub(super) devices: Vec<Device>,
    founded: Vec<Founded>,
}

struct Founded {
    conversation: ConversationId,
    epoch: Epoch,
    /// The creator first.
    members: Vec<Number>,
    moulds: Arc<[Mould]>,
    /// Last counters of the creator and of the others.
    counters: (Counter, Counter),
}

pub(super) async fn gather(server: &str, plan: Plan) -> Crew {
    let mut all = Vec::new();
    for _ in 0..plan.devices {
        let device = Device::new();
        let link = Link::open(server, &device, true).await;
        all.push(Some((device, link)));
    }
    let mut founded = Vec::new();
    for number in 0..plan.conversations {
        let members: Vec<Number> = (0..MEMBERS)
            .map(|member| (number * plan.devices / plan.conversations + member) % plan.devices)
            .collect();
        let mut present = members.iter().map(|member| all[*member].take());
        let (creator, mut link) = present.next().flatten().expect("a creator");
        let mut others: Vec<_> = present.map(|other| other.expect("a member")).collect();
        let mut room = Room::of(&creator, &mut link, &mut others).await;
        let last = room.counter;
        let mould = |size: &usize| Mould::of(&room.envelope(&creator, &vec![0x78; *size]));
        let moulds = SIZES.iter().map(mould).collect();
        founded.push(Founded {
            conversation: room.conversation,
            epoch: room.epoch,
            moulds,
            counters: (last, Counter(1)),
            members: members.clone(),
        });
        let back = std::iter::once((creator, link)).chain(others);
        for (member, device) in members.into_iter().zip(back) {
            all[member] = Some(device);
        }
    }
    let devices = all.into_iter().map(|device| device.expect("everybody").0);
    Crew {
        devices: devices.collect(),
        founded,
    }
}

impl Crew {
    pub(super) fn conversations(&self) -> Vec<ConversationId> {
        self.founded.iter().map(|room| room.conversation).collect()
    }

    /// Every device in every conversation that it is in.
    pub(super) fn places(&self) -> Vec<(Number, Conversation)> {
        let rooms = self.founded.iter().enumerate();
        rooms
            .flat_map(|(number, room)| room.members.iter().map(move |member| (*member, number)))
            .collect()
    }

    pub(super) fn hands(self, plan: Plan, shared: &Arc<Shared>) -> Vec<Hand> {
        let places = self.places();
        let seats_of = |device: Number| {
            let own = places
                .iter()
                .enumerate()
                .filter(|(_, place)| place.0 == device);
            own.map(|(index, (_, number))| {
                let room = &self.founded[*number];
                let creator = room.members.first() == Some(&device);
                let (creators, others) = room.counters;
                Seat::new(
                    (*number, index),
                    (room.conversation, room.epoch),
                    (
                        if creator { creators } else { others },
                        device.is_multiple_of(2),
                    ),
                    Arc::clone(&room.moulds),
                )
            })
            .collect()
        };
        let devices = f64::from(u32::try_from(plan.devices).expect("few devices"));
        let mean = Duration::from_secs_f64(devices / plan.rate);
        let seats: Vec<Vec<Seat>> = (0..self.devices.len()).map(seats_of).collect();
        self.devices
            .into_iter()
            .zip(seats)
            .enumerate()
            .map(|(number, (device, seats))| {
                let dice = Dice::new(plan.seed ^ (number as u64) << 32);
                Hand::new(number, (device, seats), (mean, dice), Arc::clone(shared))
            })
            .collect()
    }
}
