//! What one conversation leaves to another, or to the directory, before the input ends.

use super::Engine;
use crate::{
    desk::Task,
    row::{RowKey, Table},
};

impl Engine {
    pub(super) fn run_tasks(&mut self) {
        while let Some(task) = self.desk.tasks.pop_front() {
            match task {
                Task::CheckName(id, name) => {
                    let known = self.directory.account(&name);
                    self.directory.check_request(&mut self.desk, &name, id);
                    if let Some(account) = known {
                        self.looked_up(&name, Ok(account));
                    }
                }
                Task::Move { texts, to } => {
                    if let Some(conversation) = self.conversations.get_mut(&to) {
                        conversation.adopt(&mut self.desk, texts);
                    }
                }
                Task::Forget(id) => {
                    self.conversations.remove(&id);
                    self.desk
                        .unit
                        .delete(RowKey::named(Table::Conversation, id));
                }
                Task::CountPackages => {
                    self.packages.recount();
                    self.packages.advance(&mut self.desk);
                }
            }
        }
    }
}
