//! What a record means, told by who made it: all that the model is given.

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
