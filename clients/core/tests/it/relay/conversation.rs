//! One conversation of the model: a log, folded by the judge.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use xchat_crypto::{
    SignedControl,
    envelope::{self, HeadLink, head_hash, head_hash_start},
};
use xchat_mls::{
    Case, CommitBundle, ControlState, Genesis, Snapshot, control_hash, judge, judge_genesis,
};
use xchat_proto::{
    client::{self, Withheld, delivered_record},
    convert,
};
use xchat_types::{
    AccountId, Bucket, ControlKind, ConversationId, Counter, DeviceId, Digest, HeadHash, Header,
    Millis, Outcome, RecordKind, RefuseReason, Sequence, limits, outcome::digest_prefix,
};

/// One record that has its place.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) header: Header,
    pub(crate) link: HeadLink,
    pub(crate) previous: HeadHash,
    pub(crate) head_hash: HeadHash,
    pub(crate) payload: Bytes,
    pub(crate) withheld: Option<Withheld>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Member,
    Invited,
    Declined,
}

#[derive(Clone, Debug)]
struct Member {
    account: AccountId,
    joined: Sequence,
    standing: Standing,
    /// Where it declined: the last that it is shown.
    left: Option<Sequence>,
}

#[derive(Clone, Debug, Default)]
struct Sender {
    last: u64,
    outcomes: BTreeMap<u64, (Outcome, Digest)>,
}

/// What else a fold did.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    pub(crate) welcomes: Vec<(DeviceId, client::Welcome)>,
    pub(crate) refusal: Option<client::OutcomePush>,
}

#[derive(Clone, Debug)]
pub(crate) struct Log {
    id: ConversationId,
    pub(crate) records: Vec<Stored>,
    group: Option<Snapshot>,
    trees: BTreeMap<u64, (Snapshot, ControlState, Sequence)>,
    control: ControlState,
    members: BTreeMap<DeviceId, Member>,
    senders: BTreeMap<DeviceId, Sender>,
    /// Records whose fold a test makes fail.
    pub(crate) park: BTreeSet<(DeviceId, Counter)>,
    /// Application records that are refused as stale, whatever their epoch.
    pub(crate) stale: u32,
    pub(crate) gaps: usize,
    /// Whether a decline is the last record that its device is shown, or already hidden from it.
    pub(crate) shows_decline: bool,
}

impl Log {
    pub(crate) fn new(id: ConversationId) -> Self {
        Self {
            id,
            records: Vec::new(),
            group: None,
            trees: BTreeMap::new(),
            control: ControlState::default(),
            members: BTreeMap::new(),
            senders: BTreeMap::new(),
            park: BTreeSet::new(),
            stale: 0,
            gaps: 0,
            shows_decline: true,
        }
    }

    pub(crate) fn head(&self) -> Sequence {
        Sequence(u64::try_from(self.records.len()).unwrap())
    }

    fn head_hash(&self) -> HeadHash {
        let last = self.records.last();
        last.map_or_else(|| head_hash_start(&self.id), |record| record.head_hash)
    }

    pub(crate) fn fold(&mut self, header: &Header, payload: &Bytes, now: Millis) -> Folded {
        let digest = envelope::digest(header, payload);
        let mut folded = Folded::default();
        let sender = self.senders.entry(header.sender).or_default();
        let counter = header.counter.0;
        let outcome = if counter > sender.last + 1 {
            let expected = Counter(sender.last + 1);
            self.gaps += 1;
            Outcome::Refused(RefuseReason::CounterGap { expected })
        } else if counter <= sender.last {
            let (first, of) = sender.outcomes[&counter].clone();
            Outcome::Duplicate {
                first: Box::new(first),
                digest_prefix: digest_prefix(&of),
            }
        } else {
            let decided = self.decide(header, payload, digest, now, &mut folded);
            let outcome = match decided {
                Ok(parked) if parked => Outcome::Parked(self.head()),
                Ok(_) => Outcome::Applied(self.head()),
                Err(reason) => Outcome::Refused(reason),
            };
            let sender = self.senders.entry(header.sender).or_default();
            sender.last = counter;
            sender.outcomes.insert(counter, (outcome.clone(), digest));
            outcome
        };
        if outcome.sequence().is_none() {
            folded.refusal = Some(client::OutcomePush {
                conversation_id: convert::id_bytes(&self.id),
                counter,
                outcome: Some((&outcome).into()),
                digest_prefix: digest_prefix(&digest).to_vec().into(),
            });
        }
        folded
    }

    /// Whether the record was parked, or why it is refused.
    fn decide(
        &mut self,
        header: &Header,
        payload: &Bytes,
        digest: Digest,
        now: Millis,
        folded: &mut Folded,
    ) -> Result<bool, RefuseReason> {
        if self.park.contains(&(header.sender, header.counter)) {
            self.append(header, payload, digest, now, Some(Withheld::Parked));
            return Ok(true);
        }
        match header.kind {
            RecordKind::Genesis => self.genesis(header, payload, now)?,
            RecordKind::CommitBundle => {
                return self.commit(header, payload, digest, now, folded);
            }
            RecordKind::Application if self.stale > 0 => {
                self.stale -= 1;
                return Err(RefuseReason::StaleEpoch);
            }
            RecordKind::Application => self.application(header)?,
            RecordKind::Control => self.apply_control(header, payload)?,
        }
        self.append(header, payload, digest, now, None);
        Ok(false)
    }

    fn genesis(
        &mut self,
        header: &Header,
        payload: &[u8],
        now: Millis,
    ) -> Result<(), RefuseReason> {
        if self.group.is_some() {
            return Err(RefuseReason::InvalidHandshake);
        }
        let genesis = Genesis::from_bytes(payload).map_err(|_| RefuseReason::InvalidHandshake)?;
        let accepted = judge_genesis(judge::CURRENT, header, &genesis, now).expect("a genesis");
        let creator = Member {
            account: accepted.creator.account,
            joined: Sequence(0),
            standing: Standing::Member,
            left: None,
        };
        self.members.insert(header.sender, creator);
        self.group = Some(accepted.snapshot);
        Ok(())
    }

    fn commit(
        &mut self,
        header: &Header,
        payload: &Bytes,
        digest: Digest,
        now: Millis,
        folded: &mut Folded,
    ) -> Result<bool, RefuseReason> {
        let group = self.group.as_ref().ok_or(RefuseReason::NotMember)?;
        if header.epoch != group.epoch() {
            return Err(RefuseReason::StaleEpoch);
        }
        let bundle = CommitBundle::from_bytes(payload).unwrap();
        let case = Case {
            version: judge::CURRENT,
            header,
            control: &self.control,
            bundle: &bundle,
            appended_at: now,
        };
        let accepted = xchat_mls::judge(group, &case).map_err(|error| match error {
            xchat_mls::JudgeError::Refused(refusal) => refusal.reason(),
            other => panic!("the judge stops: {other}"),
        })?;
        self.control = accepted.effect.control;
        self.append(header, payload, digest, now, None);
        let (sequence, hash) = (self.head(), self.head_hash());
        let tree = (accepted.next.clone(), self.control.clone(), sequence);
        self.trees.insert(accepted.effect.epoch.0, tree);
        self.group = Some(accepted.next);
        for added in accepted.effect.added {
            let standing = if added.known_account {
                Standing::Member
            } else {
                Standing::Invited
            };
            let member = Member {
                account: added.leaf.account,
                joined: sequence,
                standing,
                left: None,
            };
            self.members.insert(added.leaf.device, member);
            let welcome = client::Welcome {
                welcome_ref: convert::id_bytes(&added.welcome_ref),
                conversation_id: convert::id_bytes(&self.id),
                incarnation: 0,
                epoch: accepted.effect.epoch.0,
                sequence: sequence.0,
                head_hash: convert::id_bytes(&hash),
                welcome: added.welcome.into_bytes().into(),
            };
            folded.welcomes.push((added.leaf.device, welcome));
        }
        Ok(false)
    }

    fn application(&self, header: &Header) -> Result<(), RefuseReason> {
        let group = self.group.as_ref().ok_or(RefuseReason::NotMember)?;
        let sender = self.members.get(&header.sender);
        let sender = sender.filter(|member| member.standing == Standing::Member);
        let sender = sender.ok_or(RefuseReason::NotMember)?;
        if self.control.has_departed(&header.sender) {
            return Err(RefuseReason::NotMember);
        }
        // Nothing is added or removed in these tests but the peer, at the beginning.
        let age = group.epoch().0.wrapping_sub(header.epoch.0);
        if age > limits::MAX_EPOCH_AGE || header.epoch.0 == 0 {
            return Err(RefuseReason::StaleEpoch);
        }
        let mut others = self
            .members
            .values()
            .filter(|m| m.account != sender.account);
        let alone = others.all(|other| other.standing != Standing::Member);
        let sent = self.records.iter().any(|record| {
            record.header.sender == header.sender && record.header.kind == RecordKind::Application
        });
        if alone && sent {
            return Err(RefuseReason::AwaitingConsent);
        }
        Ok(())
    }

    fn apply_control(&mut self, header: &Header, payload: &[u8]) -> Result<(), RefuseReason> {
        let group = self.group.as_ref().ok_or(RefuseReason::NotMember)?;
        let signed = SignedControl::from_bytes(payload).unwrap();
        let effect = self
            .control
            .apply(header, &signed, &group.leaves().unwrap())
            .map_err(xchat_mls::ControlRefusal::reason)?;
        let standing = match effect.kind {
            ControlKind::Accept => Standing::Member,
            ControlKind::Decline => Standing::Declined,
            _ => {
                self.control = effect.next;
                return Ok(());
            }
        };
        let place = self.head().next();
        for member in self.members.values_mut() {
            if member.account == effect.signer.account {
                member.standing = standing;
                if standing == Standing::Declined && self.shows_decline {
                    member.left = Some(place);
                }
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        header: &Header,
        payload: &Bytes,
        digest: Digest,
        now: Millis,
        withheld: Option<Withheld>,
    ) {
        let application = header.kind == RecordKind::Application;
        let link = HeadLink {
            sequence: self.head().next(),
            appended_at: now,
            accepted_at: now,
            bucket: application
                .then(|| Bucket::assign(now, header.created_at, limits::MAX_RETENTION_MS)),
            control_hash: control_hash(&self.control, judge::CURRENT),
            digest,
        };
        let previous = self.head_hash();
        self.records.push(Stored {
            header: *header,
            previous,
            head_hash: head_hash(&previous, &link),
            link,
            payload: payload.clone(),
            withheld,
        });
    }

    /// The next record as a server might make it up.
    pub(crate) fn imagine(
        &self,
        header: &Header,
        digest: Digest,
        now: Millis,
        to: &DeviceId,
    ) -> client::DeliveredRecord {
        let mut log = self.clone();
        log.append(header, &Bytes::new(), digest, now, None);
        log.records.last().unwrap().delivered(to)
    }

    /// Devices with a mark, and whether they are pushed to.
    pub(crate) fn delivered_to(&self) -> Vec<(DeviceId, bool)> {
        let members = self.members.iter();
        let members = members.filter(|(device, member)| {
            let last = member.left == Some(self.head());
            (member.standing != Standing::Declined || last) && !self.control.has_departed(device)
        });
        members
            .map(|(device, member)| (*device, member.standing != Standing::Invited))
            .collect()
    }

    /// What a device is shown above a sequence: its own span, and while it is invited the first
    /// application envelope alone.
    pub(crate) fn records(
        &self,
        device: &DeviceId,
        after: Sequence,
    ) -> Vec<client::DeliveredRecord> {
        let Some(member) = self.members.get(device) else {
            return Vec::new();
        };
        let visible = self.records.iter();
        let visible = visible
            .filter(|record| record.link.sequence > after && record.link.sequence > member.joined);
        let first_only = |record: &&Stored| match member.standing {
            Standing::Member => true,
            Standing::Invited => {
                record.link.sequence == member.joined.next()
                    && record.header.kind == RecordKind::Application
            }
            Standing::Declined => member.left == Some(record.link.sequence),
        };
        visible
            .filter(first_only)
            .map(|record| record.delivered(device))
            .collect()
    }

    pub(crate) fn outcomes(&self, device: &DeviceId) -> client::FetchOutcomesResponse {
        let sender = self.senders.get(device).cloned().unwrap_or_default();
        let outcomes = sender.outcomes.iter().rev().take(32);
        let outcomes = outcomes.map(|(counter, (outcome, digest))| client::CounterOutcome {
            counter: *counter,
            outcome: Some(outcome.into()),
            digest_prefix: digest_prefix(digest).to_vec().into(),
        });
        client::FetchOutcomesResponse {
            last_counter: sender.last,
            outcomes: outcomes.collect(),
        }
    }

    /// How many records were refused for a reason.
    pub(crate) fn refused(&self, reason: RefuseReason) -> usize {
        let outcomes = self
            .senders
            .values()
            .flat_map(|sender| sender.outcomes.values());
        let wanted = Outcome::Refused(reason);
        outcomes.filter(|(outcome, _)| *outcome == wanted).count()
    }

    pub(crate) fn tree(&self, epoch: u64) -> client::FetchTreeResponse {
        let (snapshot, control, sequence) = &self.trees[&epoch];
        let record = &self.records[usize::try_from(sequence.0).unwrap() - 1];
        client::FetchTreeResponse {
            ratchet_tree: snapshot.ratchet_tree().unwrap().into_bytes().into(),
            control_state: control.to_bytes().into(),
            judge_version: judge::CURRENT.0,
            link: Some(client::HeadLink {
                previous_head_hash: convert::id_bytes(&record.previous),
                sequence: record.link.sequence.0,
                appended_at_ms: record.link.appended_at.0,
                accepted_at_ms: record.link.accepted_at.0,
                bucket: record.link.bucket.map(Into::into),
                control_hash: convert::id_bytes(&record.link.control_hash),
                digest: convert::id_bytes(&record.link.digest),
            }),
        }
    }
}

impl Stored {
    pub(crate) fn delivered(&self, to: &DeviceId) -> client::DeliveredRecord {
        let own = (self.header.sender == *to).then_some(Withheld::Own);
        let content = match self.withheld.or(own) {
            Some(withheld) => delivered_record::Content::Withheld(withheld.into()),
            None => delivered_record::Content::Payload(self.payload.clone()),
        };
        client::DeliveredRecord {
            header: Some((&self.header).into()),
            sequence: self.link.sequence.0,
            digest: convert::id_bytes(&self.link.digest),
            appended_at_ms: self.link.appended_at.0,
            accepted_at_ms: self.link.accepted_at.0,
            bucket: self.link.bucket.map(Into::into),
            head_hash: convert::id_bytes(&self.head_hash),
            content: Some(content),
        }
    }

    /// Puts the chain value right again after a test changed the link: what a server could do.
    pub(crate) fn rehash(&mut self) {
        self.head_hash = head_hash(&self.previous, &self.link);
    }
}
