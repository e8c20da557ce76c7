//! Drives the client core natively: profile, sealed redb store, socket.
