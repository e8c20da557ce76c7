//! What a process can be.

use std::fmt;

use clap::ValueEnum;

/// One service. The order is the order of starting: who is called before who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Role {
    /// Routes: which device is on which gateway.
    Presence,
    /// Accounts, devices, logins, names, key packages.
    Identity,
    /// The envelope log and its fold.
    Fanout,
    /// The public listener: people's devices connect here.
    Gateway,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Presence, Self::Identity, Self::Fanout, Self::Gateway];

    /// What a process of these roles is called where many processes are looked at.
    pub(crate) fn service(roles: &[Self]) -> String {
        match roles {
            [only] => format!("xchat-{only}"),
            _ => "xchat-server".to_owned(),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Identity => "identity",
            Self::Fanout => "fanout",
            Self::Gateway => "gateway",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
