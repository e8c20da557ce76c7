//! Reasons in sentences: why a text waits, why it was not sent, why the server refused.

use xchat_sdk::{Held, NotSent, SecurityEvent, ServerReason, Suspension};

use crate::{clean, exit::Exit, failure::Failure};

/// Why a text waits, after "it waits: ".
pub(crate) const fn held(held: Held) -> &'static str {
    match held {
        Held::Offline => {
            "the server can't be reached; it goes with the next command that reaches it"
        }
        Held::NameUnresolved => {
            "the name is looked up, and the text sent, by the next command that reaches the server"
        }
        Held::RequestOpen => "your request is not accepted yet; until then one text can go",
        Held::Clock => "this device's clock is too far off; set it right, then `xchat sync`",
        Held::Suspended => "this conversation is suspended; nothing is sent in it",
        Held::InDoubt => {
            "the server refused it when it was sent again and may have it from the first time; \
             the next text shows which it is"
        }
    }
}

/// A text that waited and will not be sent, given back.
pub(crate) fn came_back(reason: NotSent, to: Option<&str>, text: &str) -> String {
    let to = to.map_or_else(|| "them".to_owned(), clean::line);
    format!(
        "A text that waited for {to} is not sent: {}. It was: {}",
        cause(reason, &to).what,
        clean::line(text)
    )
}

/// A text that was not sent and will not be. `to` is the recipient as shown.
pub(crate) fn not_sent(reason: NotSent, to: &str) -> Failure {
    let cause = cause(reason, to);
    Failure {
        what: format!("not sent: {}", cause.what),
        ..cause
    }
}

/// Why, in half a sentence, and what to do about it.
fn cause(reason: NotSent, to: &str) -> Failure {
    let (exit, what, next) = match reason {
        NotSent::Empty => (
            Exit::Data,
            "the text is empty, or nothing but spaces",
            "say something".to_owned(),
        ),
        NotSent::TooLarge => (
            Exit::Data,
            "the text is too long: at most 64 KiB with all that encryption adds",
            "send it in parts".to_owned(),
        ),
        NotSent::TooLargeForRequest => (
            Exit::Data,
            "the text is too long for a first message: at most 4 KiB until it is accepted",
            "send a short greeting first".to_owned(),
        ),
        NotSent::UsernameUnknown => {
            return unknown_name(to);
        }
        NotSent::UsernameInvalid => (
            Exit::NoName,
            "that can't be anybody's username",
            "look for a typing mistake".to_owned(),
        ),
        NotSent::AccountUnknown => (
            Exit::NoName,
            "there is no such account on this server",
            "ask for a new contact link (`xchat link`)".to_owned(),
        ),
        NotSent::Unreachable => (
            Exit::NoName,
            "no device of that account can be reached",
            format!("ask {to} to go online, then send it again"),
        ),
        NotSent::Blocked | NotSent::RequestDeclined => (
            Exit::Denied,
            "your request was declined",
            format!("reach {to} in another way"),
        ),
        NotSent::ToYourself => (
            Exit::Data,
            "this is your own account",
            "name somebody else".to_owned(),
        ),
        NotSent::PeerLeft => (
            Exit::Denied,
            "the other side has left the conversation",
            format!("reach {to} in another way"),
        ),
        NotSent::ConversationUnknown => (
            Exit::NoName,
            "there is no such conversation",
            "name the person instead".to_owned(),
        ),
        NotSent::NotRegistered => return not_registered(),
        NotSent::Parked | NotSent::Refused(_) => (
            Exit::Protocol,
            "the server took the text but refused it",
            "send it again; if that does not help, `xchat doctor`".to_owned(),
        ),
        NotSent::ServerRefused(reason) => return refused("the text", reason),
    };
    Failure::new(exit, reason.name(), what, next)
}

pub(crate) fn unknown_name(name: &str) -> Failure {
    Failure::new(
        Exit::NoName,
        "username_unknown",
        format!("nobody on this server is called {name}"),
        "look for a typing mistake, or ask for a contact link (`xchat link`)",
    )
}

pub(crate) fn not_registered() -> Failure {
    Failure::new(
        Exit::Config,
        "not_registered",
        "this profile has no account yet: its registration was not finished",
        "finish it with `xchat register NAME`",
    )
}

/// The server refused a request, `subject` of a sentence.
pub(crate) fn refused(subject: &str, reason: ServerReason) -> Failure {
    use ServerReason as R;
    let (exit, next) = match reason {
        R::RateLimited => (Exit::Temp, "wait a minute, then do the same again"),
        R::Overloaded | R::Unavailable | R::LogLag | R::Timeout | R::Draining | R::Internal => (
            Exit::Unavailable,
            "try again later; the operator can see why",
        ),
        R::DiskFull => (
            Exit::Unavailable,
            "ask the operator to make room, then try again",
        ),
        R::ClockSkew => (Exit::Config, "set this device's clock right"),
        R::InviteRequired => (
            Exit::Denied,
            "ask the operator for an invite, then add --invite CODE",
        ),
        R::InviteInvalid => (Exit::Denied, "ask the operator for a new invite"),
        R::Blocked | R::DeviceRevoked | R::DeviceUnknown | R::SessionEnded => {
            (Exit::Denied, "ask the operator of the server")
        }
        R::UnsupportedVersion => (
            Exit::Protocol,
            "update this program, or ask for the server to be",
        ),
        _ => (
            Exit::Protocol,
            "look with `xchat doctor` whether all is in order",
        ),
    };
    let name = server_reason(reason);
    let what = format!("the server refused {subject}: {}", name.replace('_', " "));
    Failure::new(exit, name, what, next)
}

/// The reason's stable name: `REASON_RATE_LIMITED` is `rate_limited`.
pub(crate) fn server_reason(reason: ServerReason) -> String {
    let name = reason.as_str_name();
    name.strip_prefix("REASON_").unwrap_or(name).to_lowercase()
}

pub(crate) const fn suspension(why: Suspension) -> &'static str {
    match why {
        Suspension::CounterConflict => {
            "another copy of this profile has sent in it; use only one of them"
        }
        Suspension::RolledBack { .. } => {
            "the server has lost messages that this device has; its operator must restore them"
        }
        Suspension::UpdateNeeded => "it uses rules that are newer than this program; update it",
        Suspension::Untrusted => {
            "what the server delivered does not hold; nothing of it is shown, and nothing is sent"
        }
        Suspension::NotMember => "this device is no longer part of it",
        Suspension::Damaged => {
            "its rows in the store can't be read; restore the profile from a backup"
        }
    }
}

pub(crate) const fn security(event: SecurityEvent) -> &'static str {
    match event {
        SecurityEvent::Undecryptable { .. } | SecurityEvent::Parked { .. } => {
            "one message can't be read; the conversation goes on"
        }
        SecurityEvent::KeyPackage => {
            "a key that the server gave out does not hold; nothing was sent"
        }
        SecurityEvent::UnknownConversation => {
            "this device is in a conversation of which this profile knows nothing; was the profile \
             copied, or put back from a backup? use only one copy"
        }
        SecurityEvent::Answer => "the server answered for another account; the answer was ignored",
        SecurityEvent::Welcome | SecurityEvent::Members => {
            "a request does not hold; it was ignored"
        }
        SecurityEvent::HeadHash { .. }
        | SecurityEvent::Digest { .. }
        | SecurityEvent::Gap { .. }
        | SecurityEvent::Sender { .. }
        | SecurityEvent::Refused { .. }
        | SecurityEvent::CannotApply { .. }
        | SecurityEvent::Withheld { .. }
        | SecurityEvent::NotOurs { .. } => {
            "the server delivered something that was altered, left out or not what it says"
        }
    }
}
