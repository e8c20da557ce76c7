//! The settings of the section `identity`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xchat_auth::token::MAX_LIFE;
use xchat_crypto::proof::{MAX_EFFORT, MAX_TARGET_BITS};
use xchat_runtime::{Mistakes, Section, config::HumanDuration};

/// Who may sign up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignupGate {
    /// Everyone who does the proof of work.
    #[default]
    Open,
    /// Only with an invite, made by `xchat-server invite create`.
    Invite,
}

/// Shortest life of an access token: below it, clients would do little but renew.
const MIN_LIFE: Duration = Duration::from_secs(10);

const NAME_CHARS: usize = 64;

/// A burst that is allowed at once; then one more for each interval that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// How many are allowed at once.
    #[schemars(range(min = 1))]
    pub burst: u32,
    /// After how long one more is allowed.
    pub every: HumanDuration,
}

/// Accounts, devices, logins, names, key packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the server as people see it, 1 to 64 characters.
    #[schemars(extend("x-allowed" = format!("1 to {NAME_CHARS} printable characters")))]
    pub server_name: String,
    /// Who may sign up: `open` or `invite`.
    pub signup_gate: SignupGate,
    /// Proof of work of a sign-up: 2^effort tries of Argon2id with 16 MiB. 0 asks for none.
    #[schemars(range(min = 0, max = MAX_EFFORT))]
    pub proof_effort: u8,
    /// Zero bits of the SHA-256 target that is checked before it. 0 asks for none.
    #[schemars(range(min = 0, max = MAX_TARGET_BITS))]
    pub proof_target_bits: u8,
    /// Proofs checked at the same time, 16 MiB each. 0: half of the processor's cores.
    pub proof_checks: u16,
    /// How long a sign-up waits for its check before it is told to come back.
    pub proof_wait: HumanDuration,
    /// Life of an access token, at most 5 minutes.
    #[schemars(extend("x-allowed" = HumanDuration::between(MIN_LIFE, MAX_LIFE)))]
    pub access_token_life: HumanDuration,
    /// A session that was not refreshed for this long has ended.
    pub session_life: HumanDuration,
    /// How long a released username stays closed to other accounts.
    pub username_quarantine: HumanDuration,
    /// Unclaimed one-time key packages that a device may keep here for each suite.
    pub key_packages_per_suite: u32,
    /// Claims of key packages, for each caller and target; the own account is free.
    pub claim_limit: RateLimit,
    /// Look-ups of usernames, for each caller.
    pub lookup_limit: RateLimit,
    /// Changes of username, for each account.
    pub username_limit: RateLimit,
    /// Publications of key packages, for each device.
    pub publish_limit: RateLimit,
}

impl Default for Config {
    fn default() -> Self {
        let limit = |burst, every: Duration| RateLimit {
            burst,
            every: every.into(),
        };
        Self {
            server_name: "xchat".to_owned(),
            signup_gate: SignupGate::Open,
            proof_effort: 5,
            proof_target_bits: 18,
            proof_checks: 0,
            proof_wait: HumanDuration::from_secs(4),
            access_token_life: MAX_LIFE.into(),
            session_life: Duration::from_hours(30 * 24).into(),
            username_quarantine: Duration::from_hours(30 * 24).into(),
            key_packages_per_suite: 200,
            claim_limit: limit(6, Duration::from_mins(10)),
            lookup_limit: limit(30, Duration::from_secs(10)),
            username_limit: limit(5, Duration::from_hours(1)),
            publish_limit: limit(20, Duration::from_mins(1)),
        }
    }
}

impl Config {
    /// Permits for proof checks on a machine with so many cores.
    pub(crate) fn proof_permits(&self, cores: usize) -> usize {
        match self.proof_checks {
            0 => (cores / 2).max(1),
            checks => usize::from(checks),
        }
    }
}

impl Section for Config {
    const NAME: &'static str = "identity";

    fn check(&self, mistakes: &mut Mistakes) {
        let name = self.server_name.chars().count();
        if name == 0 || name > NAME_CHARS || self.server_name.chars().any(char::is_control) {
            let what = format!("is not 1 to {NAME_CHARS} printable characters");
            mistakes.add("server_name", what);
        }
        if self.proof_effort > MAX_EFFORT {
            mistakes.add(
                "proof_effort",
                format!("is above {MAX_EFFORT}, more than clients work for"),
            );
        }
        if self.proof_target_bits > MAX_TARGET_BITS {
            mistakes.add(
                "proof_target_bits",
                format!("is above {MAX_TARGET_BITS}, more than clients work for"),
            );
        }
        let life = self.access_token_life.0;
        if !(MIN_LIFE..=MAX_LIFE).contains(&life) {
            let what = format!("is not {}", HumanDuration::between(MIN_LIFE, MAX_LIFE));
            mistakes.add("access_token_life", what);
        }
        if self.session_life.0 < life {
            mistakes.add("session_life", "is shorter than access_token_life");
        }
        for (key, limit) in [
            ("claim_limit.burst", self.claim_limit),
            ("lookup_limit.burst", self.lookup_limit),
            ("username_limit.burst", self.username_limit),
            ("publish_limit.burst", self.publish_limit),
        ] {
            if limit.burst == 0 {
                mistakes.add(key, "is 0, which refuses everything");
            }
        }
    }
}
