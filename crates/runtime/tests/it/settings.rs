//! A configuration with one setting of each kind.

use std::{net::SocketAddr, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_runtime::{
    Mistakes, Section,
    config::{ByteSize, Flag, HumanDuration, Layers, Secret},
};

/// How much a house can hold.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct House {
    /// Rooms, at least one.
    pub(crate) rooms: u16,
    /// How long the door stays open.
    pub(crate) door: HumanDuration,
    /// Size of the cellar.
    pub(crate) cellar: ByteSize,
    /// Where the bell is.
    #[schemars(extend("x-allowed" = "an address with a port like \"127.0.0.1:1\""))]
    pub(crate) bell: SocketAddr,
    /// Colours of the walls.
    pub(crate) colours: Vec<String>,
    /// Roof.
    pub(crate) roof: Roof,
    /// Says who may come in.
    pub(crate) password: Option<Secret>,
    /// The same, in a file.
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Roof {
    Flat,
    Steep,
}

impl Default for House {
    fn default() -> Self {
        Self {
            rooms: 3,
            door: HumanDuration::from_secs(30),
            cellar: ByteSize::mib(2),
            bell: SocketAddr::from(([127, 0, 0, 1], 7)),
            colours: vec!["white".to_owned()],
            roof: Roof::Steep,
            password: None,
            password_file: None,
        }
    }
}

impl Section for House {
    const NAME: &'static str = "house";

    fn check(&self, mistakes: &mut Mistakes) {
        if self.rooms == 0 {
            mistakes.add("rooms", "a house has a room");
        }
    }
}

/// All settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Town {
    /// Name of the town.
    pub(crate) name: String,
    pub(crate) house: House,
}

impl Section for Town {
    const NAME: &'static str = "";

    fn check(&self, mistakes: &mut Mistakes) {
        mistakes.check(&self.house);
    }
}

pub(crate) fn file(text: &str) -> Layers {
    Layers {
        file: Some((PathBuf::from("town.toml"), text.to_owned())),
        ..Layers::default()
    }
}

pub(crate) fn environment(mut layers: Layers, name: &str, value: &str) -> Layers {
    layers.environment.push((name.to_owned(), value.to_owned()));
    layers
}

pub(crate) fn flag(mut layers: Layers, key: &'static str, value: &str) -> Layers {
    layers.flags.push(Flag {
        name: "--flag",
        key,
        value: value.to_owned(),
    });
    layers
}
