//! One file a command.

mod answer;
mod chat;
mod doctor;
mod history;
mod link;
mod register;
mod requests;
mod send;
mod sync;
mod verify;
mod whoami;

use crate::{
    arguments::{Arguments, Command},
    failure::Failure,
    output::Output,
};

pub(crate) async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    match &arguments.command {
        Command::Register(register) => register::run(arguments, register, output).await,
        Command::Whoami => whoami::run(arguments, output).await,
        Command::Link => link::run(arguments, output).await,
        Command::Send(send) => send::run(arguments, send, output).await,
        Command::Sync => sync::run(arguments, output).await,
        Command::Chat { peer } => chat::run(arguments, peer, output).await,
        Command::History(history) => history::run(arguments, history, output).await,
        Command::Requests => requests::run(arguments, output).await,
        Command::Accept { peer } => answer::run(arguments, peer, true, output).await,
        Command::Decline { peer } => answer::run(arguments, peer, false, output).await,
        Command::Verify { peer, confirm } => verify::run(arguments, peer, *confirm, output).await,
        Command::Doctor { server, quiet } => doctor::run(arguments, server, *quiet, output).await,
    }
}
