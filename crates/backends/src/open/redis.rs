//! Routes on Redis, from its section.

use xchat_adapter_redis::{RedisConfig, RedisRouting};

use crate::{Config, Error, Trouble, config::listed, error::with_causes};

/// Connects at the first call: what it holds are hints.
pub(super) fn routing(config: &Config) -> Result<RedisRouting, Error> {
    let section = &config.redis;
    let options = RedisConfig {
        cluster: section.cluster,
        username: section.username.clone(),
        password_file: section.password_file.clone(),
        prefix: section.prefix.clone(),
        deadline: section.deadline.0,
        ..RedisConfig::new(listed(&section.urls).map(str::to_owned).collect())
    };
    RedisRouting::open(&options).map_err(|error| Error::Engine {
        code: "redis_settings",
        trouble: Trouble::Access,
        what: format!("backends.redis: {}", with_causes(&error)),
    })
}
