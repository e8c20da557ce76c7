//! One command a file.

mod answer;
mod chat;
mod doctor;
mod history;
mod outbox;
mod register;
mod requests;
mod send;
mod sync;
mod verify;
mod whoami;

use crate::{
    args::Command, exit::Exit, failure::Failure, place::Place, screen::Screen, session::Session,
};

pub(crate) async fn run(command: Command, place: &Place, screen: Screen) -> Result<Exit, Failure> {
    match command {
        Command::Register(args) => register::run(args, place, screen).await,
        Command::Doctor(args) => doctor::run(&args, place, screen).await,
        Command::Whoami => whoami::whoami(&Session::open(place, screen).await?).await,
        Command::Link => whoami::link(&Session::open(place, screen).await?).await,
        Command::Send(args) => send::run(args, Session::open(place, screen).await?).await,
        Command::Outbox => outbox::run(Session::open(place, screen).await?).await,
        Command::Sync => sync::run(Session::open(place, screen).await?).await,
        Command::Chat(args) => chat::run(&args, Session::open(place, screen).await?).await,
        Command::History(args) => history::run(&args, Session::open(place, screen).await?).await,
        Command::Requests => requests::run(Session::open(place, screen).await?).await,
        Command::Accept(args) => {
            answer::run(&args, true, Session::open(place, screen).await?).await
        }
        Command::Decline(args) => {
            answer::run(&args, false, Session::open(place, screen).await?).await
        }
        Command::Verify(args) => verify::run(&args, Session::open(place, screen).await?).await,
    }
}
