//! The harness of the integration tests.
//!
//! * [`oracle`]: a naive second road to every count. It shares no code with the product.
//! * [`corpora`]: small Parquet corpora, seeded; hostile files.
//! * [`command`]: the built `taster`, run as a user runs it.
//! * [`in_process`]: an audit by the library.
//! * [`dom`]: a page as a browser would understand it.
//! * [`fault_proxy`]: a proxy before it on which things go wrong.
//! * [`cluster`]: a coordinator and workers as processes.
//! * [`listing_server`]: a store that claims to hold any number of keys.
//! * [`tiny_disk`]: a file system that is soon full.
//! * [`s3_server`]: an S3 server inside the test process.
//! * [`tables`]: output files read back with the plain Parquet reader.
//!
//! Absent on purpose: anything that the product could use.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness that fails must stop the test, and says why"
)]

pub mod cluster;
pub mod command;
pub mod corpora;
pub mod dom;
pub mod fault_proxy;
pub mod hostile_files;
pub mod in_process;
pub mod listing_server;
pub mod oracle;
pub mod places;
pub mod s3_server;
pub mod tables;
pub mod tiny_disk;
