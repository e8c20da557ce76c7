//! Engines that have just been started are slow until they have been under load for a while: reads take
//! seconds, and a fleet that is well is minutes behind. What a fault costs is measured afterwards.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::sync::OnceCell;
use xchat_integration_tests::{House, Shape, load::Load};

use super::{PATIENCE, PLAN};
use crate::SERVER;

static WARM: OnceCell<()> = OnceCell::const_new();

const LONGEST: Duration = Duration::from_mins(6);
/// A load that catches up so fast, so many times in a row, runs on engines that are warm.
const FAST: Duration = Duration::from_secs(8);
const TIMES: u32 = 3;

/// Once for all tests.
pub(super) async fn up() {
    WARM.get_or_init(warm_up).await;
}

async fn warm_up() {
    let house = House::with(SERVER, Shape::Fleet, &[("log__filter", "info")]);
    let end = Instant::now() + LONGEST;
    let load = loop {
        // It panics where somebody can't log in: cold engines take longer than the server waits.
        let starting = AssertUnwindSafe(Load::start(house.gateways(), PLAN));
        match starting.catch_unwind().await {
            Ok(load) => break load,
            Err(_) => assert!(Instant::now() < end, "the load does not begin"),
        }
    };
    let mut fast = 0;
    while fast < TIMES {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let began = Instant::now();
        assert!(load.caught_up(PATIENCE).await, "the load does not run");
        let is_fast = began.elapsed() < FAST;
        fast = if is_fast { fast + 1 } else { 0 };
        assert!(is_fast || began < end, "the engines do not become fast");
    }
}
