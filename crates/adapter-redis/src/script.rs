//! Compare-and-write, at the engine. The first 20 bytes of a value are its connection id.

use redis::{Cmd, FromRedisValue, Script, ServerErrorKind, cmd};
use xchat_ports::PortResult;

use crate::engine::Engine;

/// KEYS: one. ARGV: value, lease in ms. 1 if it is set, 0 if a higher connection has it.
const SET: &str = "\
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, 20) > string.sub(ARGV[1], 1, 20) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1";

/// KEYS: any number. ARGV: lease in ms, then a value a key. Two lists of positions, from 1: the
/// keys that a higher connection has, and those that were not there or a lower one's.
const REFRESH: &str = "\
local taken, restored = {}, {}
for at, key in ipairs(KEYS) do
  local held, own = redis.call('GET', key), ARGV[at + 1]
  if held and string.sub(held, 1, 20) > string.sub(own, 1, 20) then
    taken[#taken + 1] = at
  else
    if held ~= own then restored[#restored + 1] = at end
    redis.call('SET', key, own, 'PX', ARGV[1])
  end
end
return {taken, restored}";

/// KEYS: one. ARGV: value.
const REMOVE: &str = "\
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, 20) == string.sub(ARGV[1], 1, 20) then
  redis.call('DEL', KEYS[1])
end
return 1";

/// A script, called by its hash. An engine that does not have it gets it with that very call: a
/// load on all nodes would fail while one of them is away.
#[derive(Debug)]
pub(crate) struct Compare {
    code: &'static str,
    hash: String,
}

impl Compare {
    pub(crate) fn set() -> Self {
        Self::new(SET)
    }

    pub(crate) fn refresh() -> Self {
        Self::new(REFRESH)
    }

    pub(crate) fn remove() -> Self {
        Self::new(REMOVE)
    }

    fn new(code: &'static str) -> Self {
        let hash = Script::new(code).get_hash().to_owned();
        Self { code, hash }
    }

    pub(crate) async fn call<T: FromRedisValue>(
        &self,
        engine: &Engine,
        keys: &[String],
        arguments: &[String],
    ) -> PortResult<T> {
        let by = |command: &str, script: &str| -> Cmd {
            let mut by = cmd(command);
            by.arg(script).arg(keys.len()).arg(keys).arg(arguments);
            by
        };
        engine
            .within_deadline(async {
                match engine.ask(&by("EVALSHA", &self.hash)).await {
                    Err(error) if error.kind() == ServerErrorKind::NoScript.into() => {
                        engine.ask(&by("EVAL", self.code)).await
                    }
                    answer => answer,
                }
            })
            .await
    }
}
