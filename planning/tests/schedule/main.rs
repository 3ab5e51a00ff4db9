//! The scheduler as a coordinator sees it: its rules one by one, thousands of faulty schedules,
//! and the largest one that it is made for.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod desk;
mod ledger;
mod rules;
mod rules_of_faults;
mod scale;
mod simulation;
mod store;
mod totals;
mod world;
