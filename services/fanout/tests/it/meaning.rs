//! Who there is, and what a record means, told by who made it: all that the model is given.

#[derive(Clone, Debug)]
pub(crate) struct Meaning {
    pub(crate) who: usize,
    pub(crate) counter: u64,
    pub(crate) digest: [u8; 8],
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    Unreadable,
    Genesis,
    /// Epoch, size in bytes, and whether its bucket had ended at the gateway.
    Say(u64, usize, bool),
    /// Epoch, and whose device it adds or removes.
    Commit(u64, Option<usize>, Option<usize>),
    Accept,
    Decline,
    Leave,
    /// Control records that nobody decides yet, or that are not signed by their sender.
    BadControl,
}

/// Where a device stands.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Stage {
    #[default]
    Out,
    /// And whether it has got its one envelope.
    Invited(bool),
    In,
}

/// Person `i` is of account `ACCOUNT[i]`; person 0 owns the group.
pub(crate) const ACCOUNT: [usize; 4] = [0, 1, 2, 1];

pub(crate) fn account(who: usize) -> impl Iterator<Item = usize> {
    (0..4).filter(move |other| ACCOUNT[*other] == ACCOUNT[who])
}

pub(crate) fn own_or_owner(who: usize, whom: usize) -> bool {
    who == 0 || ACCOUNT[who] == ACCOUNT[whom]
}
