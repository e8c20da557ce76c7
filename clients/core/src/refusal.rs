//! What the server's reasons mean to a client. What is not named here is for the moment: the request
//! is made again after a pause.

use xchat_proto::common::Reason;

use crate::event::NotSent;

/// A record that the server will never take.
pub(crate) const fn is_final_for_record(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TooLarge
            | Reason::Malformed
            | Reason::Empty
            | Reason::HeaderMismatch
            | Reason::DigestMismatch
            | Reason::NotMember
            | Reason::ConversationUnknown
    )
}

/// The server knows nothing of the conversation, or not of this device in it.
pub(crate) const fn is_unknown_conversation(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::NotMember | Reason::ConversationUnknown | Reason::NotFound
    )
}

/// Nobody has the name, or nobody can have it.
pub(crate) const fn is_unknown_name(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::UsernameUnknown | Reason::UsernameInvalid | Reason::NotFound
    )
}

/// Key packages that the server will never take.
pub(crate) const fn is_final_for_packages(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::KeyPackageInvalid | Reason::TooManyKeyPackages | Reason::ClockSkew
    )
}

/// Why a first contact will never come about.
pub(crate) fn of_claim(reason: Reason) -> Option<NotSent> {
    let table = [
        (Reason::AccountUnknown, NotSent::AccountUnknown),
        (Reason::NotFound, NotSent::AccountUnknown),
        (Reason::NoKeyPackages, NotSent::Unreachable),
        (Reason::Blocked, NotSent::Blocked),
    ];
    let mut rows = table.into_iter();
    rows.find(|(known, _)| *known == reason)
        .map(|(_, told)| told)
}

/// Why a text to a name is not sent.
pub(crate) fn of_lookup(reason: Reason) -> NotSent {
    if reason == Reason::UsernameInvalid {
        NotSent::UsernameInvalid
    } else {
        NotSent::UsernameUnknown
    }
}
