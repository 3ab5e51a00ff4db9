//! The integration tests: one binary, a module per subject.
//!
//! Counts equal a naive twin's; output bytes depend on the corpus alone; hostile files are
//! survived; S3 behaves like a disk; the command keeps its contract; the packages keep theirs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say why"
)]

mod architecture;
mod boilerplate;
mod canaries;
mod cluster;
mod contract;
mod counts;
mod deploy;
mod determinism;
mod evidence;
mod furniture;
mod host;
mod hostile;
mod known;
mod labels;
mod lists;
mod merging;
mod near;
mod numbers;
mod page;
mod s3;
mod shared;
mod slots;
mod surprisal;
mod symbols;
