//! How a person names another: by username, account id, or contact link.
//!
//! A contact link is `xchat:` ‖ account id ‖ `@` ‖ the server's address, `wss://` left out:
//! `xchat:xchat1…@chat.example.org`.

use xchat_sdk::{AccountId, Recipient, Server};

use crate::{exit::Exit, failure::Failure};

const SCHEME: &str = "xchat:";

/// Somebody, as named on the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Peer {
    pub(crate) recipient: Recipient,
    /// The server that a contact link names.
    pub(crate) server: Option<Server>,
}

impl Peer {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if let Some(link) = text.strip_prefix(SCHEME) {
            return Self::parse_link(link);
        }
        let recipient = if looks_like_id(text) {
            Recipient::Account(account(text)?)
        } else if text.is_empty() {
            return Err(Failure::new(
                Exit::Usage,
                "peer_empty",
                "nobody is named",
                "give a username, an account id or a contact link",
            ));
        } else {
            Recipient::Name(text.to_owned())
        };
        Ok(Self {
            recipient,
            server: None,
        })
    }

    fn parse_link(link: &str) -> Result<Self, Failure> {
        let (id, address) = link.split_once('@').ok_or_else(|| {
            Failure::new(
                Exit::Data,
                "link_invalid",
                "the contact link names no server",
                "copy the whole link, from xchat: to its end",
            )
        })?;
        Ok(Self {
            recipient: Recipient::Account(account(id)?),
            server: Some(address.parse()?),
        })
    }

    /// Refuses a contact of another server: nothing leads from one to the other.
    pub(crate) fn check_server(&self, own: &Server) -> Result<(), Failure> {
        match &self.server {
            Some(other) if other != own => Err(Failure::new(
                Exit::NoHost,
                "contact_elsewhere",
                format!("this contact is on {other}, and your profile on {own}"),
                "use a profile of that server; `xchat register NAME --server URL` makes one",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// As it is spoken of: the name, or the beginning of the id.
    pub(crate) fn shown(&self) -> String {
        match &self.recipient {
            Recipient::Name(name) => crate::clean::line(name),
            Recipient::Account(account) => short(account),
            Recipient::Conversation(conversation) => conversation.to_hex(),
        }
    }
}

/// The beginning of an id, for where no name is known.
pub(crate) fn short(account: &AccountId) -> String {
    format!("{}…", account.short())
}

/// A contact link of an account on a server.
pub(crate) fn link(account: &AccountId, server: &Server) -> String {
    let address = server.as_str().strip_prefix("wss://");
    format!("{SCHEME}{account}@{}", address.unwrap_or(server.as_str()))
}

/// An id is longer than any username, and starts as no word does.
fn looks_like_id(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.starts_with("xchat1") && lower.len() > 32
}

fn account(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|_| {
        Failure::new(
            Exit::Data,
            "account_invalid",
            "the account id has a typing mistake: its checksum does not fit",
            "copy it whole, from xchat1 to its end",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_link_leads_back_to_account_and_server() {
        let account = AccountId::new([9; 32]);
        for address in [
            "wss://chat.example.org",
            "ws://127.0.0.1:8420",
            "wss://[::2]:1",
        ] {
            let server: Server = address.parse().unwrap();
            let peer = Peer::parse(&link(&account, &server)).unwrap();
            assert_eq!(peer.recipient, Recipient::Account(account));
            assert_eq!(peer.server, Some(server));
        }
    }

    #[test]
    fn names_and_ids_are_told_apart_and_typing_mistakes_found() {
        let account = AccountId::new([9; 32]);
        let named = |text: &str| Peer::parse(text).map(|peer| peer.recipient);
        assert_eq!(named(" bob ").unwrap(), Recipient::Name("bob".to_owned()));
        assert_eq!(
            named("xchat1").unwrap(),
            Recipient::Name("xchat1".to_owned())
        );
        assert_eq!(
            named(&account.to_string()).unwrap(),
            Recipient::Account(account)
        );
        let wrong = account.to_string().replace("xchat1p", "xchat1q");
        assert_eq!(named(&wrong).unwrap_err().reason, "account_invalid");
        assert_eq!(named("xchat:xchat1").unwrap_err().reason, "link_invalid");
        assert_eq!(named(" ").unwrap_err().reason, "peer_empty");
    }
}
