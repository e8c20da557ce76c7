//! Finished lookups, and what waited for them.

use xchat_proto::common::Reason;
use xchat_types::AccountId;

use super::Engine;
use crate::{
    command::{Command, Recipient},
    conversation::{Text, Work},
    event::Event,
    refusal,
};

impl Engine {
    pub(super) fn looked_up(&mut self, name: &str, found: Result<AccountId, Reason>) {
        let account = found.ok();
        let interested = self.directory.resolved(&mut self.desk, name, account);
        for id in interested.requests {
            let peer = self.conversations.get(&id).map(|known| known.row.peer);
            let same = account.is_some() && peer == account;
            self.work(id, Work::NameChecked(same.then(|| name.to_owned())));
        }
        for (number, waiting) in interested.texts {
            let text = Text::new(waiting.ticket, self.desk.draw(), waiting.text)
                .written(waiting.since)
                .having_waited(number);
            match found {
                Ok(account) => self.send_to_account(account, Some(name.to_owned()), text),
                Err(reason) => {
                    self.refuse_text(text, Some(name.to_owned()), refusal::of_lookup(reason));
                }
            }
        }
        for command in interested.commands {
            match account {
                Some(account) => self.repeat(&command, name, account),
                None => self.give_up(command),
            }
        }
    }

    /// A command about a name, now that the name is an account.
    fn repeat(&mut self, command: &Command, name: &str, account: AccountId) {
        let peer = Recipient::Account(account);
        match command {
            Command::Resolve { .. } => self.desk.event(Event::Resolved {
                name: name.to_owned(),
                account,
            }),
            Command::Accept { .. } => self.command(Command::Accept { peer }),
            Command::Decline { .. } => self.command(Command::Decline { peer }),
            Command::SafetyNumber { .. } => self.command(Command::SafetyNumber { peer }),
            Command::Register { .. }
            | Command::SetUsername { .. }
            | Command::Send { .. }
            | Command::NotSentTold { .. }
            | Command::PhraseShown
            | Command::TakeBack { .. }
            | Command::SetVerified { .. } => {}
        }
    }

    /// A command about a name that leads nowhere.
    pub(super) fn give_up(&mut self, command: Command) {
        match command {
            Command::Resolve { name } => self.desk.event(Event::NameUnknown { name }),
            Command::Accept { peer }
            | Command::Decline { peer }
            | Command::SafetyNumber { peer } => self.desk.event(Event::PeerUnknown { peer }),
            Command::Register { .. }
            | Command::SetUsername { .. }
            | Command::Send { .. }
            | Command::NotSentTold { .. }
            | Command::PhraseShown
            | Command::TakeBack { .. }
            | Command::SetVerified { .. } => {}
        }
    }
}
