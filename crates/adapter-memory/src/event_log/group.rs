//! Who owns which partitions: moved one by one, after their release, or taken from a member that
//! does not know yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xchat_ports::event_log::Change;
use xchat_types::PartitionId;

pub(super) type MemberId = u64;

#[derive(Debug)]
pub(super) struct Group {
    partitions: u32,
    members: BTreeMap<MemberId, Member>,
    next: MemberId,
    /// Which of the members begins when partitions are dealt.
    turn: usize,
}

#[derive(Debug)]
struct Member {
    name: String,
    owned: BTreeSet<PartitionId>,
    /// Owned, and asked for.
    revoking: BTreeSet<PartitionId>,
    /// What a paused member will hear that it has lost.
    lost: BTreeSet<PartitionId>,
    paused: bool,
    out: bool,
    changes: VecDeque<Change>,
}

impl Group {
    pub(super) const fn new(partitions: u32) -> Self {
        Self {
            partitions,
            members: BTreeMap::new(),
            next: 0,
            turn: 0,
        }
    }

    /// Adds a member, in the place of one of the same name.
    pub(super) fn join(&mut self, name: &str) -> MemberId {
        for member in self.members.values_mut() {
            if !name.is_empty() && member.name == name {
                member.take_all();
                member.tell_lost();
                member.put_out();
            }
        }
        let id = self.next;
        self.next += 1;
        self.members.insert(
            id,
            Member {
                name: name.to_owned(),
                owned: BTreeSet::new(),
                revoking: BTreeSet::new(),
                lost: BTreeSet::new(),
                paused: false,
                out: false,
                changes: VecDeque::new(),
            },
        );
        self.deal();
        id
    }

    pub(super) fn leave(&mut self, id: MemberId) {
        self.members.remove(&id);
        self.deal();
    }

    pub(super) fn next(&mut self, id: MemberId) -> Option<Change> {
        let member = self.members.get_mut(&id)?;
        let out = member.out.then_some(Change::Out);
        member.changes.pop_front().or(out)
    }

    pub(super) fn released(&mut self, id: MemberId, partitions: &[PartitionId]) {
        if let Some(member) = self.members.get_mut(&id) {
            for partition in partitions {
                if member.revoking.remove(partition) {
                    member.owned.remove(partition);
                }
            }
        }
        self.deal();
    }

    /// Wants every partition elsewhere.
    pub(super) fn rotate(&mut self) {
        self.turn += 1;
        self.deal();
    }

    /// Takes a member for dead: others get its partitions at once, and it is not told.
    pub(super) fn pause(&mut self, name: &str) {
        for member in self.named(name) {
            member.take_all();
            member.paused = true;
        }
        self.deal();
    }

    /// Fences a member: it hears so, and gets nothing more.
    pub(super) fn fence(&mut self, name: &str) {
        for member in self.named(name) {
            member.take_all();
            member.tell_lost();
            member.put_out();
        }
        self.deal();
    }

    /// Tells a paused member what it has lost, and gives it a share again.
    pub(super) fn wake(&mut self, name: &str) {
        for member in self.named(name) {
            member.tell_lost();
            member.paused = false;
        }
        self.deal();
    }

    fn named(&mut self, name: &str) -> impl Iterator<Item = &mut Member> {
        self.members
            .values_mut()
            .filter(move |member| member.name == name)
    }

    /// Gives what nobody owns to those whose it is to be, and asks for what others own.
    fn deal(&mut self) {
        let members: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| !member.paused)
            .map(|(id, _)| *id)
            .collect();
        if members.is_empty() {
            return;
        }
        let mut assigned: BTreeMap<MemberId, Vec<PartitionId>> = BTreeMap::new();
        let mut revoked: BTreeMap<MemberId, Vec<PartitionId>> = BTreeMap::new();
        let wanted = members.iter().cycle().skip(self.turn % members.len());
        for (partition, &to) in (0..self.partitions).map(PartitionId).zip(wanted) {
            let mut owners = self.members.iter_mut();
            match owners.find(|(_, member)| member.owned.contains(&partition)) {
                None => assigned.entry(to).or_default().push(partition),
                Some((&from, owner)) => {
                    if from != to && owner.revoking.insert(partition) {
                        revoked.entry(from).or_default().push(partition);
                    }
                }
            }
        }
        for (id, partitions) in revoked {
            self.tell(id, Change::Revoked(partitions));
        }
        for (id, partitions) in assigned {
            if let Some(member) = self.members.get_mut(&id) {
                member.owned.extend(&partitions);
            }
            self.tell(id, Change::Assigned(partitions));
        }
    }

    fn tell(&mut self, id: MemberId, change: Change) {
        if let Some(member) = self.members.get_mut(&id) {
            member.changes.push_back(change);
        }
    }
}

impl Member {
    /// It keeps its number.
    fn put_out(&mut self) {
        self.paused = true;
        self.out = true;
        self.name.clear();
    }

    fn take_all(&mut self) {
        self.lost.append(&mut self.owned);
        self.revoking.clear();
    }

    fn tell_lost(&mut self) {
        if !self.lost.is_empty() {
            let lost = std::mem::take(&mut self.lost).into_iter().collect();
            self.changes.push_back(Change::Lost(lost));
        }
    }
}
