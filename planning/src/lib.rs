//! What an audit will do, as plain values: the frozen manifest, its units of work, the
//! parameters that determine the result, and the identities of tasks.
//!
//! Nothing here performs I/O, reads a clock or draws random numbers, so a plan can be printed,
//! compared and tested like any other value. Absent on purpose: leases, retries and workers,
//! which belong to whoever carries a plan out.

mod digest;
mod manifest;
mod parameters;
mod unit;

pub use digest::{Digest, DigestBuilder};
pub use manifest::{
    AxisSource, Manifest, Quarantine, QuarantineReason, RowGroupEntry, ShardColumns, ShardEntry,
};
pub use parameters::{Limits, Orders, ParameterError, Parameters};
pub use unit::{Unit, partition};
