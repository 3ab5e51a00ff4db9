//! The wire: `taster/v1` as generated, and its conversion to and from the domain's types.
//!
//! Generated types go no further than the crates that speak gRPC; everything else sees the types
//! of `planning`. What comes from the wire is checked on its way in ([`WireError`]): names that
//! become parts of keys, numbers that become sizes, texts that become log lines. Absent on
//! purpose: who may say what, and when; that belongs to the two ends.

mod conversation;
mod dial;
mod error;
mod outcome;
mod progress;
mod task;

pub use conversation::{FromWorker, Hello, ToWorker};
pub use dial::{CONNECT_TIMEOUT, Dial, DialError, TlsFiles, with_causes};
pub use error::WireError;
pub use progress::state;
pub use task::{audit_id, worker_id};

/// What `taster/v1/*.proto` generates.
#[allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated")]
pub mod v1 {
    tonic::include_proto!("taster.v1");
}

/// The descriptors of `taster/v1`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/taster.v1.bin"));

/// Version of the conversation between workers and coordinator; differing versions do not talk.
pub const PROTOCOL: u32 = 1;

/// Version of what tasks store: runs, receipts, task keys. Processes with differing versions must
/// not work on one audit.
pub const FORMATS: u32 = 1;
