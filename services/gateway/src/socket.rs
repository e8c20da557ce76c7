//! One WebSocket: upgrade, greeting before login, then requests and pushes in one task.

pub(crate) mod acks;
pub(crate) mod answer;
pub(crate) mod asked;
pub(crate) mod budget;
pub(crate) mod connection;
pub(crate) mod greeting;
pub(crate) mod lobby;
pub(crate) mod mailbox;
pub(crate) mod request;
pub(crate) mod upgrade;
