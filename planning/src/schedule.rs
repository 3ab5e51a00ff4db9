//! Who does what next: the state machine that drives audits over workers which come, go, lag and
//! repeat themselves.
//!
//! [`Scheduler::handle`] takes what happened and the time, and returns what to do. It performs no
//! I/O and reads no clock, so that thousands of faulty schedules can be played through it.
//! What it remembers is a hint: everything that counts is committed to the store by the tasks
//! themselves, so a scheduler that starts anew finds their outputs and goes on.

mod alarms;
mod assignment;
mod audit;
mod audits;
mod event;
mod loss;
mod median;
mod outcomes;
mod scheduler;
mod settings;
mod stage;
mod task;
mod view;
mod workers;

pub use event::{Command, Ending, Event, Exclusion, Facts, Outcome, Plan, StageRecord};
pub use scheduler::Scheduler;
pub use settings::ScheduleSettings;
pub use task::{AuditId, Stage, TaskKey, WorkerId};
pub use view::{AuditView, StageView};
