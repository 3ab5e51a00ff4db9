//! One file per command.

pub mod audit;
pub mod canaries;
pub mod demo;
pub mod diff;
pub mod doctor;
pub mod explain;
pub mod export;
mod export_rows;
pub mod lab;
mod lab_tables;
mod lab_work;
pub mod list;
pub mod ngrams;
pub mod plan;
pub mod report;
pub mod setup;
pub mod submit;
pub mod task;
pub mod verify;
pub mod watch;

/// Shards that may be unreadable if nothing is said.
const DEFAULT_MAX_QUARANTINE: u64 = 0;
