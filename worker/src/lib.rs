//! The worker: runs the tasks that a coordinator assigns, over the same store, and says how they
//! ended.
//!
//! ```text
//! link     one conversation after the other: dial, greet, beat, notice silence, wait, dial again
//!   │ news                                                 ▲ finished, draining
//!   ▼                                                      │
//! desk     keeps the ledger of attempts up to date and carries out what it orders
//!   │ start, stop                                          ▲ ended
//!   ▼                                                      │
//! slots    plain threads, one task each: audits ──> `taster_tasks::SharedAudit`
//! ```
//!
//! Link, desk and the page of metrics live on one thread of their own, with a runtime of their
//! own; tasks and the store's connections never run there, so they cannot delay a beat.
//! [`ledger`] decides without I/O and clock; everything around it is boring.
//!
//! Absent on purpose: state on disk (a worker that dies is forgotten, its committed outputs stay),
//! retries of tasks (the coordinator decides), and any judgement of what a task computes.

mod arguments;
mod audits;
mod backoff;
mod configuration;
mod contained;
mod desk;
mod dial;
mod error;
mod health;
mod ledger;
mod link;
mod metrics;
mod outcome;
mod parting;
mod run;
mod runner;
mod settings;
mod slots;

pub use arguments::{CommandLine, command};
pub use configuration::{Settings, settings};
pub use error::WorkerError;
pub use run::{listen, run, run_with};
pub use runner::TaskRunner;
