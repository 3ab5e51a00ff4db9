//! What an audit will do, as plain values: the frozen manifest, its units of work, the
//! parameters that determine the result, the identities of tasks, and the state machine that
//! hands tasks to workers.
//!
//! Nothing here performs I/O, reads a clock or draws random numbers, so a plan can be printed,
//! compared and tested like any other value, and a schedule can be simulated.

mod digest;
mod manifest;
mod merge_range;
mod parameters;
pub mod schedule;
mod signature;
mod unit;

pub use digest::{Digest, DigestBuilder};
pub use manifest::{
    AxisSource, Manifest, Quarantine, QuarantineReason, RowGroupEntry, ShardColumns, ShardEntry,
};
pub use merge_range::{MERGE_SLICES, MergeRange, merge_ranges};
pub use parameters::{Limits, LongerStep, Orders, ParameterError, Parameters};
pub use signature::{Signature, SignatureError};
pub use unit::{Unit, partition};
