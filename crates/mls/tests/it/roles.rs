//! Roles are the judge's business, not the server's goodwill.

use xchat_mls::{
    Change, CommitBundle, JudgeError, Permissions, Policy, Refusal, Role, Suite, TimerMode,
};
use xchat_types::{AccountId, Header, RefuseReason};

use crate::{
    person::{Person, adding, direct, gather, removing},
    refusals::refusal,
    server::Server,
};

struct Club {
    server: Server,
    owner: Person,
    admin: Person,
    member: Person,
    other: Person,
}

fn change_policy(policy: Policy) -> Change {
    Change {
        policy: Some(policy),
        ..Change::default()
    }
}

impl Club {
    /// An owner, an admin, two members, in this order of leaves.
    fn new(members_may: Permissions) -> Self {
        let [mut owner, mut admin, mut member, mut other] = [1, 2, 3, 4].map(Person::new);
        let mut server = Server::new();
        let mut all = [&mut owner, &mut admin, &mut member, &mut other];
        gather(&mut server, Suite::Classical, &mut all);
        let mut policy = owner.group().extensions().unwrap().policy;
        policy.set_role(admin.account(), Role::Admin);
        policy.members_may = members_may;
        let (header, bundle) = owner.commit(&change_policy(policy));
        server.submit(&header, &bundle).unwrap();
        for person in [&mut owner, &mut admin, &mut member, &mut other] {
            person.apply(&server, &header, &bundle).unwrap();
        }
        Self {
            server,
            owner,
            admin,
            member,
            other,
        }
    }
}

/// The current policy, changed.
fn with(server: &Server, change: impl FnOnce(&mut Policy)) -> Change {
    let mut policy = server.snapshot().extensions().unwrap().policy;
    change(&mut policy);
    change_policy(policy)
}

fn with_role(server: &Server, account: AccountId, role: Role) -> Change {
    with(server, |policy| policy.set_role(account, role))
}

/// What the judge, and a client, say of a commit that is then dropped.
fn verdict(server: &Server, person: &mut Person, change: &Change) -> Result<(), JudgeError> {
    let (header, bundle): (Header, CommitBundle) = person.commit(change);
    let answer = server.ask(&header, &bundle).map(|_| ());
    person.group().clear_pending_commit().unwrap();
    person.restart();
    answer
}

fn assert_denied(server: &Server, person: &mut Person, change: &Change) {
    let refused = refusal(verdict(server, person, change));
    assert_eq!(
        (refused, refused.reason()),
        (Refusal::Role, RefuseReason::DeniedByRole)
    );
}

#[test]
fn only_who_may_adds_accounts() {
    let mut club = Club::new(Permissions::default());
    let add = |seed| adding(vec![Person::new(seed).package(Suite::Classical)]);
    verdict(&club.server, &mut club.owner, &add(10)).unwrap();
    verdict(&club.server, &mut club.admin, &add(11)).unwrap();
    assert_denied(&club.server, &mut club.member, &add(12));
    let own = adding(vec![Person::with_device(3, 30).package(Suite::Classical)]);
    verdict(&club.server, &mut club.member, &own).unwrap();

    let may_add = Permissions {
        add: true,
        timer: false,
    };
    let mut open = Club::new(may_add);
    verdict(&open.server, &mut open.member, &add(13)).unwrap();
}

#[test]
fn nobody_brings_in_an_account_that_stands_above_them() {
    let mut club = Club::new(Permissions::default());
    let mut late = Person::new(10);
    let promise = with_role(&club.server, late.account(), Role::Owner);
    let (header, bundle) = club.owner.commit(&promise);
    club.server.submit(&header, &bundle).unwrap();
    for person in [&mut club.owner, &mut club.admin] {
        person.apply(&club.server, &header, &bundle).unwrap();
    }
    let add = adding(vec![late.package(Suite::Classical)]);
    assert_denied(&club.server, &mut club.admin, &add);
    verdict(&club.server, &mut club.owner, &add).unwrap();
}

#[test]
fn only_a_higher_role_removes_another_account() {
    let mut club = Club::new(Permissions::default());
    assert_denied(&club.server, &mut club.member, &removing(&[3]));
    assert_denied(&club.server, &mut club.member, &removing(&[1]));
    assert_denied(&club.server, &mut club.admin, &removing(&[0]));
    verdict(&club.server, &mut club.admin, &removing(&[2, 3])).unwrap();
    verdict(&club.server, &mut club.owner, &removing(&[1])).unwrap();
}

#[test]
fn neither_of_two_can_remove_or_demote_the_other() {
    let [mut a, mut b] = [1, 2].map(Person::new);
    let mut server = Server::new();
    let (header, genesis) = a.found(Suite::Classical, direct(&a, &b));
    server.found(&header, &genesis).unwrap();
    let (header, bundle) = a.commit(&adding(vec![b.package(Suite::Classical)]));
    server.submit(&header, &bundle).unwrap();
    a.apply(&server, &header, &bundle).unwrap();
    assert_denied(&server, &mut a, &removing(&[1]));
    let mut policy = a.group().extensions().unwrap().policy;
    policy.set_role(b.account(), Role::Member);
    let refused = refusal(verdict(&server, &mut a, &change_policy(policy)));
    assert_eq!(refused, Refusal::Unchangeable);
}

#[test]
fn another_account_is_removed_with_all_its_devices_or_not_at_all() {
    let mut people = [Person::new(1), Person::new(2), Person::with_device(2, 22)];
    let mut server = Server::new();
    let [a, b, second] = &mut people;
    gather(&mut server, Suite::Classical, &mut [a, b, second]);
    let [a, b, _] = &mut people;
    assert_eq!(
        refusal(verdict(&server, a, &removing(&[1]))),
        Refusal::PartialRemoval
    );
    verdict(&server, a, &removing(&[1, 2])).unwrap();
    verdict(&server, b, &removing(&[2])).unwrap();
}

#[test]
fn roles_are_given_from_above_only_and_an_owner_remains() {
    let mut club = Club::new(Permissions::default());
    let [member, other, admin, owner] =
        [&club.member, &club.other, &club.admin, &club.owner].map(Person::account);
    for change in [
        with_role(&club.server, member, Role::Admin),
        with_role(&club.server, other, Role::Admin),
        with_role(&club.server, owner, Role::Member),
        with(&club.server, |policy| policy.default_role = Role::Admin),
    ] {
        assert_denied(&club.server, &mut club.member, &change);
    }
    for change in [
        with_role(&club.server, member, Role::Owner),
        with_role(&club.server, admin, Role::Owner),
        with_role(&club.server, owner, Role::Member),
        with(&club.server, |policy| policy.default_role = Role::Admin),
    ] {
        assert_denied(&club.server, &mut club.admin, &change);
    }
    for change in [
        with_role(&club.server, member, Role::Admin),
        with_role(&club.server, admin, Role::Member),
    ] {
        verdict(&club.server, &mut club.admin, &change).unwrap();
    }
    verdict(
        &club.server,
        &mut club.owner,
        &with_role(&club.server, member, Role::Owner),
    )
    .unwrap();
    let abdication = with_role(&club.server, owner, Role::Member);
    let refused = refusal(verdict(&club.server, &mut club.owner, &abdication));
    assert_eq!(refused, Refusal::NoOwner);
}

#[test]
fn the_timer_and_permissions_are_changed_by_those_who_may_in_steps_of_one() {
    let timer = |policy: &mut Policy| policy.timer = policy.timer.changed_to(TimerMode::Read, 60);
    let permissions = |policy: &mut Policy| policy.members_may.add = !policy.members_may.add;
    let mut club = Club::new(Permissions::default());
    assert_denied(&club.server, &mut club.member, &with(&club.server, timer));
    assert_denied(
        &club.server,
        &mut club.member,
        &with(&club.server, permissions),
    );
    verdict(&club.server, &mut club.admin, &with(&club.server, timer)).unwrap();
    verdict(
        &club.server,
        &mut club.admin,
        &with(&club.server, permissions),
    )
    .unwrap();
    let leap = with(&club.server, |policy| policy.timer.version += 2);
    assert_eq!(
        refusal(verdict(&club.server, &mut club.owner, &leap)),
        Refusal::TimerVersion
    );
    let silent = with(&club.server, |policy| policy.timer.seconds += 1);
    assert_eq!(
        refusal(verdict(&club.server, &mut club.owner, &silent)),
        Refusal::TimerVersion
    );

    let mut open = Club::new(Permissions {
        add: false,
        timer: true,
    });
    verdict(&open.server, &mut open.member, &with(&open.server, timer)).unwrap();
    assert_denied(
        &open.server,
        &mut open.member,
        &with(&open.server, permissions),
    );
}
