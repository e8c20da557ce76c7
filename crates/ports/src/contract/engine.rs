//! Which real engines a suite is to run on: `XCHAT_TEST_KAFKA`, `XCHAT_TEST_SCYLLA`,
//! `XCHAT_TEST_REDIS`, `XCHAT_TEST_REDIS_CLUSTER`, each the address of one, or the addresses of
//! its nodes with commas between. `XCHAT_TEST_STACK` is the path of `infra/stack/stack.sh` for
//! tests that stop nodes of the stack, which therefore run alone.
//!
//! Without its address a suite is skipped and says so. `XCHAT_TEST_REQUIRE=kafka,scylla,redis`
//! turns a skip into a failure, so that nobody takes an engine for tested that was not there.

/// The address of an engine (`kafka`, `scylla`, `redis`, …), or `None` if its tests are to be
/// skipped. Panics if the engine is required and there is no address.
pub fn engine(name: &str) -> Option<String> {
    let variable = format!("XCHAT_TEST_{}", name.to_ascii_uppercase());
    let address = setting(&variable);
    if address.is_none() {
        let required = setting("XCHAT_TEST_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|required| required.trim() == name),
            "XCHAT_TEST_REQUIRE names {name}: set {variable} to its address"
        );
        skip(&variable);
    }
    address
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test suite has no configuration but its environment"
)]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[allow(clippy::print_stderr, reason = "a skip must be seen")]
fn skip(variable: &str) {
    eprintln!("skipped: set {variable} to run this on the real engine");
}
