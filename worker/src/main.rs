//! The `taster-worker` command: reads the command line and runs tasks until it is told to end.

use std::io::Write;

use taster_process::Ending;
use taster_worker::{CommandLine, WorkerError};

/// Counting allocates little but large; this allocator gives memory back and scales over threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let ending = work().unwrap_or_else(|error| {
        tell(&error);
        error.ending()
    });
    // Not a return: a task that ignores its stop flag must not hold up the end.
    std::process::exit(i32::from(ending.code()));
}

fn work() -> Result<Ending, WorkerError> {
    let command_line = CommandLine::read(std::env::args_os())?;
    let settings = taster_worker::settings(command_line)?;
    let internal = |e: std::io::Error| WorkerError::Internal(format!("cannot begin: {e}"));
    taster_process::begin_log("taster_worker", settings.log, settings.log_level)
        .map_err(internal)?;
    let (trigger, shutdown) = taster_process::shutdown();
    let at_once = |ending: Ending| std::process::exit(i32::from(ending.code()));
    taster_process::watch_signals(trigger, at_once).map_err(internal)?;
    let storage = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let storage = storage.map_err(|e| WorkerError::Internal(format!("no runtime: {e}")))?;
    let page = taster_worker::listen(&settings)?;
    let ending = taster_worker::run(&settings, storage.handle(), page, shutdown);
    // Dropping it would wait for whatever hangs in it.
    storage.shutdown_background();
    ending
}

fn tell(error: &WorkerError) {
    match error {
        // A closed pipe, as with `--help | head`, is nobody's trouble.
        WorkerError::CommandLine(error) => drop(error.print()),
        error => drop(writeln!(std::io::stderr(), "taster-worker: error: {error}")),
    }
}
