//! The coordinator: takes submitted audits, hands their tasks to workers, and keeps what counts in
//! the work store.
//!
//! ```text
//! service         clients: submit, watch, list, cancel, report ──┐
//! conversations   workers: one conversation each ────────────────┤ notes
//!                                                                ▼
//! desk            owns the scheduler (`taster_planning::schedule`), carries out its commands
//!   │ assign, revoke               │ record, exclude, end        │ how far audits are
//!   ▼                              ▼                             ▼
//! conversations                  clerk ──> AuditFolder        registry ──> service
//! ```
//!
//! `epoch` decides which of several coordinators on one work store goes on; `allow` and `tokens`
//! decide what is done for whom. Everything that is remembered here can be lost: a coordinator that
//! starts anew finds the audits in the work store and goes on.
//!
//! Absent on purpose: text (tasks run on workers, reports are written by them), placement of
//! processes, and a store of its own.

mod allow;
mod arguments;
mod blocking;
mod clerk;
mod clock;
mod configuration;
mod connections;
mod conversations;
mod desk;
mod epoch;
mod error;
mod health;
mod metrics;
mod opening;
mod refusal;
mod registry;
mod run;
mod server;
mod service;
mod settings;
mod submission;
mod tokens;

pub use allow::AllowList;
pub use arguments::{CommandLine, command};
pub use configuration::{Security, Settings, TlsFiles, settings};
pub use error::CoordinatorError;
pub use run::{Listeners, run};
pub use tokens::Tokens;
