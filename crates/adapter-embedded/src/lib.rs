//! The household's engines: segment log, fjall stores, in-process and remote routing.
