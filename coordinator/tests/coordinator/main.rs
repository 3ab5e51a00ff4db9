//! The coordinator as its clients and workers meet it: over real sockets, each test with a
//! coordinator of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audits;
mod conversations;
mod endings;
mod harness;
mod limits;
mod security;
