//! Which profile, and where profiles lie.

use std::{env, path::PathBuf, time::Duration};

use xchat_sdk::{Home, Server};

use crate::{args::Global, exit::Exit, failure::Failure};

/// What the global flags and the environment say.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) home: Home,
    /// As named by `--profile` or `XCHAT_PROFILE`.
    pub(crate) profile: Option<String>,
    /// As named by `--server` or `XCHAT_SERVER`.
    pub(crate) server: Option<Server>,
    /// How long to wait for the server.
    pub(crate) patience: Duration,
}

impl Place {
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        // An empty variable is none.
        let said = |text: &&String| !text.is_empty();
        let server = global.server.as_ref().filter(said);
        Ok(Self {
            home: Home::new(match &global.home {
                Some(home) if !home.as_os_str().is_empty() => home.clone(),
                Some(_) | None => default_home()?,
            }),
            profile: global.profile.as_ref().filter(said).cloned(),
            server: server.map(|text| text.parse()).transpose()?,
            patience: Duration::from_secs(global.wait),
        })
    }

    /// The profile that was named, or the only one there is.
    pub(crate) fn choose(&self) -> Result<String, Failure> {
        if let Some(name) = &self.profile {
            return Ok(name.clone());
        }
        let mut names = self.home.profiles()?;
        match names.len() {
            0 => Err(Failure::new(
                Exit::Config,
                "no_profile",
                "there is no profile yet",
                "make an account with `xchat register NAME`",
            )),
            1 => Ok(names.remove(0)),
            _ => Err(Failure::new(
                Exit::Usage,
                "profile_not_chosen",
                format!("there are several profiles: {}", names.join(", ")),
                "name one with --profile NAME or XCHAT_PROFILE",
            )),
        }
    }
}

/// `$XDG_DATA_HOME/xchat`, else `~/.local/share/xchat`.
fn default_home() -> Result<PathBuf, Failure> {
    let data = env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || env::home_dir().filter(|path| path.is_absolute());
    data.or_else(|| home().map(|home| home.join(".local/share")))
        .map(|data| data.join("xchat"))
        .ok_or_else(|| {
            Failure::new(
                Exit::Config,
                "no_home",
                "this user has no home folder to keep profiles in",
                "name a folder with --home DIR or XCHAT_HOME",
            )
        })
}
