//! The worker against a coordinator that says what a test tells it. Names carry the row of the
//! faults page where one applies.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, reason = "what was measured is printed")]

mod conversation;
mod draining;
mod faults;
mod process;
mod real_audit;
mod scripted;
mod security;
mod workbench;
