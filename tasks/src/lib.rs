//! The task bodies of an audit and the driver that runs them in one process.
//!
//! Data flows one way: [`count`](mod@count) → [`screen`](mod@screen) and [`corpus`] →
//! [`context`] → [`score`](mod@score) → [`evidence`] → [`outcome`]. Each task is a pure function
//! of named inputs; its outputs lie under a key that is a digest of both, and its receipt, written
//! last, says that it is done. [`audit`] runs the waves in order; whoever else runs the same tasks
//! gets the same bytes.

mod audit;
mod context;
mod corpus;
mod count;
mod dispatch;
mod documents;
mod error;
mod progress;
mod request;
mod score;
mod screen;
mod segments;
mod summarize;
mod unusual;
mod workspace;

pub use audit::audit;
pub use error::TaskError;
pub use progress::{Progress, Silent, Wave};
pub use request::{AuditRequest, Resources};
