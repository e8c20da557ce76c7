//! `xchat-server invite create`: works beside a running server, for it needs the key file alone.

use xchat_auth::{InstallationKeys, key_file};
use xchat_identity::invite;
use xchat_ports::Clock;
use xchat_runtime::ambient::{SystemClock, SystemRng};

use super::{LayerArgs, say, settings};
use crate::{Exit, StartError, wiring::data_dir};

pub(super) fn create(uses: u16, days: u16, arguments: LayerArgs) -> Result<(), StartError> {
    let config = settings::load(arguments)?.config;
    let file = data_dir(&config)?.join(key_file::FILE_NAME);
    let keys = InstallationKeys::load(&file)?;
    let invite = invite::create(&keys, uses, days, SystemClock.now(), &SystemRng);
    say(&invite
        .map_err(|error| StartError::new("invite_invalid", Exit::Usage, error.to_string(), ""))?)
}
