//! Clock and randomness of the machine, as the server has them.

use xchat_integration_tests::raw;
use xchat_ports::{Clock, Rng};
use xchat_types::Millis;

#[derive(Debug)]
pub(crate) struct Ambient;

impl Clock for Ambient {
    #[allow(
        clippy::disallowed_methods,
        reason = "the machine's clock, as the server has it"
    )]
    fn now(&self) -> Millis {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Millis(u64::try_from(since.as_millis()).unwrap())
    }
}

impl Rng for Ambient {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            [*byte] = raw::random::<1>();
        }
    }
}
