//! Config, telemetry, lifecycle, server and channel builders, the in-process channel.
