//! A decision becomes the next state, under one stamp.

use std::collections::BTreeSet;

use xchat_crypto::envelope::{HeadLink, head_hash};
use xchat_mls::ControlEffect;
use xchat_types::{
    ControlKind, DeviceId, HeadHash, Incarnation, Outcome, RefuseReason, Sequence,
    outcome::digest_prefix,
};

use super::{
    Conversation, Effects, Folded, GroupHead, Logged, Recent, Record,
    decide::{Change, Commit, Decision},
    effects::{Sources, digest_of},
    fold::Stop,
    head::Redo,
    recent::Judged,
};

/// Applies a decision. Takes time in proportion to the rows it changes.
pub(super) fn settle(
    mut conversation: Conversation,
    logged: &Logged,
    record: Option<&Record>,
    decision: Decision,
) -> Result<Folded, Stop> {
    let next = conversation.head.sequence.next();
    let (outcome, change) = match decision {
        Decision::Parked => (Outcome::Parked(next), None),
        Decision::Duplicate {
            first,
            digest_prefix,
        } => {
            let first = Box::new(first);
            let outcome = Outcome::Duplicate {
                first,
                digest_prefix,
            };
            (outcome, None)
        }
        Decision::Refused(reason) => (Outcome::Refused(reason), None),
        Decision::Applied(change) => (Outcome::Applied(next), Some(change)),
    };
    let mut recent = Recent {
        stamp: conversation.head.stamp.after(logged.appended_at),
        appended_at: logged.appended_at,
        digest_prefix: digest_prefix(&digest_of(logged, record)),
        outcome,
        head_hash: None,
        previous_head_hash: None,
        judged: None,
        as_snapshot: false,
        group_states_below: None,
    };
    let mut touched = BTreeSet::new();
    if let Some(change) = &change {
        apply(&mut conversation, logged, change, &mut recent, &mut touched)?;
    }
    if recent.outcome.sequence().is_some() {
        recent.head_hash = Some(link(&mut conversation, logged, record));
    }
    let sender = record.and_then(|record| note(&mut conversation, record, &recent.outcome));
    close(&mut conversation, logged, &recent, sender, &touched);
    let effects = Effects::of(Sources {
        members: &conversation.members,
        logged,
        record,
        recent: &recent,
        change: change.as_ref(),
    });
    Ok(Folded {
        conversation,
        effects,
    })
}

/// Changes members and group; `touched` are the member rows that changed.
fn apply(
    conversation: &mut Conversation,
    logged: &Logged,
    change: &Change,
    recent: &mut Recent,
    touched: &mut BTreeSet<DeviceId>,
) -> Result<(), Stop> {
    let before = conversation.head.sequence;
    let at = before.next();
    match change {
        Change::Born(born) => {
            let group = GroupHead::born(Incarnation(0), logged.appended_at);
            conversation.head.group = Some(group);
            conversation.group = Some(born.snapshot.clone());
            recent.previous_head_hash = Some(conversation.head.hash);
            let creator = born.creator;
            let members = &mut conversation.members;
            members.join(creator.device, creator.account, before, Some(before));
            touched.insert(creator.device);
        }
        Change::Committed(commit) => {
            recent.previous_head_hash = Some(conversation.head.hash);
            commit_group(conversation, logged, commit, recent)?;
            touched.extend(commit_members(conversation, commit, at));
            conversation.group = Some(commit.next.clone());
        }
        Change::Said { fits_request } => {
            touched.extend(conversation.members.close_requests(at, *fits_request));
        }
        Change::Controlled(effect) => {
            touched.extend(control(conversation, effect, at)?);
        }
    }
    Ok(())
}

fn commit_group(
    conversation: &mut Conversation,
    logged: &Logged,
    commit: &Commit,
    recent: &mut Recent,
) -> Result<(), Stop> {
    let group = born(conversation)?;
    recent.judged = Some(Judged::of(group));
    recent.as_snapshot = group.takes_snapshot(!commit.effect.added.is_empty(), commit.size);
    group.control = commit.effect.control.clone();
    let changes_members = commit.changes_members();
    group.advance(
        changes_members,
        recent.as_snapshot,
        commit.size,
        logged.appended_at,
    );
    recent.group_states_below = group.age(logged.appended_at);
    Ok(())
}

/// Removes first, so that a device can be given a new leaf in one commit. Devices of an account
/// that is in are members at once; those of others are invited.
fn commit_members(
    conversation: &mut Conversation,
    commit: &Commit,
    at: Sequence,
) -> BTreeSet<DeviceId> {
    let members = &mut conversation.members;
    let added: Vec<_> = commit
        .effect
        .added
        .iter()
        .map(|added| (added.leaf, members.has_accepted(&added.leaf.account)))
        .collect();
    let mut touched = BTreeSet::new();
    for leaf in &commit.effect.removed {
        if members.leave(&leaf.device, at) {
            touched.insert(leaf.device);
        }
    }
    for (leaf, accepted) in added {
        members.join(leaf.device, leaf.account, at, accepted.then_some(at));
        touched.insert(leaf.device);
    }
    touched
}

fn control(
    conversation: &mut Conversation,
    effect: &ControlEffect,
    at: Sequence,
) -> Result<Vec<DeviceId>, Stop> {
    let group = born(conversation)?;
    group.control = effect.next.clone();
    if !effect.departed.is_empty() {
        group.close_old_epochs();
    }
    let account = &effect.signer.account;
    let members = &mut conversation.members;
    let mut touched = match effect.kind {
        ControlKind::Accept => members.accept(account, at),
        ControlKind::Decline => members.decline(account, at),
        ControlKind::Leave
        | ControlKind::Revoke
        | ControlKind::Readd
        | ControlKind::Objection
        | ControlKind::Reset => Vec::new(),
    };
    for leaf in &effect.departed {
        if members.leave(&leaf.device, at) {
            touched.push(leaf.device);
        }
    }
    Ok(touched)
}

fn born(conversation: &mut Conversation) -> Result<&mut GroupHead, Stop> {
    let group = conversation.head.group.as_mut();
    group.ok_or(Stop::Contradiction(
        "a change to a group that does not exist",
    ))
}

/// Takes the next sequence and hashes it to the chain.
fn link(conversation: &mut Conversation, logged: &Logged, record: Option<&Record>) -> HeadHash {
    let head = &mut conversation.head;
    head.sequence = head.sequence.next();
    let step = HeadLink {
        sequence: head.sequence,
        appended_at: logged.appended_at,
        accepted_at: record.map_or(logged.appended_at, |record| record.accepted_at),
        bucket: record.and_then(|record| record.bucket),
        control_hash: head.control_hash(),
        digest: digest_of(logged, record),
    };
    head.hash = head_hash(&head.hash, &step);
    head.hash
}

/// Consumes the counter, unless it was not its turn. Returns the changed row's key.
fn note(conversation: &mut Conversation, record: &Record, outcome: &Outcome) -> Option<DeviceId> {
    let device = record.header.sender;
    let sender = conversation.senders.get_mut(&device)?;
    let its_turn = match outcome {
        Outcome::Duplicate { .. } | Outcome::Refused(RefuseReason::CounterGap { .. }) => false,
        Outcome::Applied(_) | Outcome::Refused(_) | Outcome::Parked(_) => {
            sender.last.next() == record.header.counter
        }
    };
    its_turn.then(|| {
        sender.note(outcome.clone(), digest_prefix(&record.digest));
        device
    })
}

/// Writes stamp, checkpoint and redo: the head now names everything that changed.
fn close(
    conversation: &mut Conversation,
    logged: &Logged,
    recent: &Recent,
    sender: Option<DeviceId>,
    touched: &BTreeSet<DeviceId>,
) {
    let sender = sender.and_then(|device| {
        let row = conversation.senders.get(&device)?;
        Some((device, row.clone()))
    });
    let members = touched
        .iter()
        .filter_map(|device| Some((*device, conversation.members.get(device)?.clone())))
        .collect();
    let head = &mut conversation.head;
    head.stamp = recent.stamp;
    head.checkpoint = Some(logged.place);
    head.redo = Some(Redo {
        sender,
        members,
        recent: recent.clone(),
    });
}
