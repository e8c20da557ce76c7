//! How fast a device may submit to a conversation: a bucket of tokens each for messages and for
//! handshakes. Per process; a device has one socket, so per process is per device.

use std::{num::NonZeroU32, time::Duration};

use governor::{Quota, RateLimiter, clock::Clock as _, clock::DefaultClock, state::keyed};
use xchat_types::{ConversationId, DeviceId};

type Key = (DeviceId, ConversationId);
type Limiter = RateLimiter<Key, keyed::DefaultKeyedStateStore<Key>, DefaultClock>;

/// Both limits. Keys that are full again are forgotten by [`Pace::sweep`].
#[derive(Debug)]
pub(crate) struct Pace {
    messages: Option<Limiter>,
    handshakes: Option<Limiter>,
    clock: DefaultClock,
}

/// `burst` at once, then one each `interval`; an interval of zero lifts the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) interval: Duration,
}

impl Rate {
    fn limiter(self) -> Option<Limiter> {
        let quota = Quota::with_period(self.interval)?;
        Some(RateLimiter::keyed(
            quota.allow_burst(NonZeroU32::new(self.burst)?),
        ))
    }
}

impl Pace {
    pub(crate) fn new(messages: Rate, handshakes: Rate) -> Self {
        Self {
            messages: messages.limiter(),
            handshakes: handshakes.limiter(),
            clock: DefaultClock::default(),
        }
    }

    /// Takes a token, or says how long to wait for one.
    pub(crate) fn take(
        &self,
        device: DeviceId,
        conversation: ConversationId,
        is_message: bool,
    ) -> Result<(), Duration> {
        let limiter = if is_message {
            &self.messages
        } else {
            &self.handshakes
        };
        let Some(limiter) = limiter else {
            return Ok(());
        };
        limiter
            .check_key(&(device, conversation))
            .map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    pub(crate) fn sweep(&self) {
        for limiter in [&self.messages, &self.handshakes].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_limits_let_a_burst_pass_and_then_ask_to_wait() {
        let hour = Duration::from_hours(1);
        let pace = Pace::new(
            Rate {
                burst: 60,
                interval: hour,
            },
            Rate {
                burst: 10,
                interval: hour,
            },
        );
        let device = DeviceId::new([1; 16]);
        let conversation = ConversationId::new([2; 32]);
        for is_message in [true, false] {
            let passed = (0..100)
                .filter(|_| pace.take(device, conversation, is_message).is_ok())
                .count();
            assert_eq!(passed, if is_message { 60 } else { 10 });
        }
        let other = ConversationId::new([3; 32]);
        assert_eq!(pace.take(device, other, true), Ok(()));
        assert!(
            pace.take(device, conversation, true)
                .is_err_and(|wait| !wait.is_zero())
        );
    }
}
