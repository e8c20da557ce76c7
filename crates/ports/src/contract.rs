//! Contract suites: what every adapter of a port must do, engines and fakes alike.
