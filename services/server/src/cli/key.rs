//! `xchat-server key create`: once for an installation whose data is on engines.

use xchat_runtime::ambient::SystemRng;

use super::{LayerArgs, say, settings};
use crate::{
    StartError,
    wiring::{KeyPlace, data_dir},
};

pub(super) fn create(arguments: LayerArgs) -> Result<(), StartError> {
    let config = settings::load(arguments)?.config;
    let place = KeyPlace::of(&config.backends, &data_dir(&config)?);
    let was_there = place.file().exists();
    place.create(&SystemRng)?;
    let file = place.file().display();
    if was_there {
        return say(&format!("{file} is there already; nothing was changed."));
    }
    say(&format!(
        "Made {file}. Copy it to the data directory of every identity and fanout, mode 600, and keep \
         one copy offline."
    ))
}
