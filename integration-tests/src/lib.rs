//! Scenarios through the public SDK against real processes.
