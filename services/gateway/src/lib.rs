//! The WebSocket edge: sessions, limits, sockets.
