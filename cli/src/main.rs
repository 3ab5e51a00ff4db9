//! The `taster` command: reads the command line, runs audits in this process, and shows what
//! they found. What an audit does is in `taster-tasks`; here is only what a person meets.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use crate::arguments::CommandLine;
use crate::closing::Closing;

mod arguments;
mod certainty;
mod closing;
mod commands;
mod configuration;
mod error;
mod escaped_json;
mod exceptions;
mod exit;
mod findings_arguments;
mod findings_table;
mod interruption;
mod lab_arguments;
mod locations;
mod log;
mod machine;
mod progress;
mod provenance;
mod quantities;
mod remote;
mod result_file;
mod run_record;
mod session;
mod settings;
mod setup_arguments;
mod signature_lists;
mod table;
mod terminal;

/// Counting allocates little but large; this allocator gives memory back and scales over threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let environment = std::env::var_os("TASTER_RESULT_FILE");
    let closing = Arc::new(Closing::new(result_file::requested(&arguments, environment)));
    let result = session::contained(|| {
        interruption::watch(&closing)?;
        let runtime = session::runtime()?;
        session::run(CommandLine::read(&arguments)?, &closing, runtime.handle())
    });
    ExitCode::from(closing.end(result))
}
