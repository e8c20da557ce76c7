//! What the server's reasons mean to a client. What is not named here is for the moment: the request
//! is made again after a pause.

use xchat_proto::common::Reason;

use crate::{event::NotSent, input::CloseReason};

/// A record that the server will never take.
pub(crate) const fn is_final_for_record(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::TooLarge
            | Reason::Malformed
            | Reason::Empty
            | Reason::HeaderMismatch
            | Reason::DigestMismatch
            | Reason::BadSignature
            | Reason::NotMember
            | Reason::ConversationUnknown
    )
}

/// Of those, the ones that hang on nothing but the record's bytes: what was refused so was never
/// taken.
pub(crate) const fn is_of_the_bytes(reason: Reason) -> bool {
    is_final_for_record(reason)
        && !matches!(reason, Reason::NotMember | Reason::ConversationUnknown)
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

/// A login that will never succeed with this device's key and clock.
pub(crate) const fn is_final_for_login(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::DeviceUnknown | Reason::DeviceRevoked | Reason::BadSignature | Reason::ClockSkew
    )
}

/// Why the socket is closed, from the server's reason for closing it.
pub(crate) fn of_closing(reason: Reason) -> CloseReason {
    let table = [
        (Reason::Replaced, CloseReason::Replaced),
        (Reason::DeviceRevoked, CloseReason::LoginRefused),
        (Reason::UnsupportedVersion, CloseReason::Version),
        (Reason::Draining, CloseReason::GoingAway),
    ];
    let mut rows = table.into_iter();
    let found = rows.find(|(known, _)| *known == reason);
    found.map_or(CloseReason::Refused, |(_, told)| told)
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
