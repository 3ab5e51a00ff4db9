//! Measures Taster: how fast it is beside a floor and a peer, and how well it finds planted poison.
//!
//! * `speed`: MB of decoded text per second and core, and peak memory, of the scan alone, of
//!   tokenising, of counting, of whole audits, and of Polars on the same data.
//! * `cluster`: an audit by a coordinator and workers on this machine, beside the embedded one.
//! * `s3`: an audit over S3 beside the raw download rate and the same audit from disk.
//! * `detection`: poisons planted in a real corpus, audited, judged against the truth.
//!
//! Nothing here decides what is good enough but [`acceptance`], which says so in its output.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal whose output is its purpose"
)]

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Command, CommandLine};
use crate::error::BenchError;

mod acceptance;
mod arguments;
mod byte_size;
mod child;
mod cluster;
mod corpus;
mod detection;
mod detection_tables;
mod error;
mod files;
mod machine;
mod measure;
mod peer;
mod reading;
mod s3;
mod s3_server;
mod speed;
mod speed_tables;
mod table;
mod transfer;
mod trial;
mod waves;

/// The allocator of the product, so that speed and memory are the product's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code if the program itself could not do its work.
const TROUBLE: u8 = 4;

fn main() -> ExitCode {
    run(CommandLine::parse().command).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(TROUBLE)
    })
}

fn run(command: Command) -> Result<ExitCode, BenchError> {
    let runtime = machine::runtime()?;
    let holds = match command {
        Command::Speed(arguments) => speed::run(&arguments, runtime.handle())?,
        Command::Detection(arguments) => detection::run(&arguments, runtime.handle())?,
        Command::Cluster(arguments) => cluster::run(&arguments)?,
        Command::S3(arguments) => s3::run(&arguments)?,
        Command::Serve(arguments) => s3_server::run(&arguments, runtime.handle())?,
        Command::Measure(arguments) => measure::run(&arguments, runtime.handle())?,
    };
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
