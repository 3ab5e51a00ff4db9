//! One file per command.

pub mod audit;
pub mod demo;
pub mod ngrams;
pub mod plan;
pub mod verify;

/// Shards that may be unreadable if nothing is said.
const DEFAULT_MAX_QUARANTINE: u64 = 0;
