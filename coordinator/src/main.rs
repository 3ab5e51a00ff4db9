//! The `taster-coordinator` command: reads the command line and coordinates until it is told to
//! end.

use std::io::Write;

use taster_coordinator::{CommandLine, CoordinatorError, Listeners};
use taster_process::Ending;

fn main() {
    let ending = coordinate().unwrap_or_else(|error| {
        tell(&error);
        error.ending()
    });
    // Not a return: a call of the store that hangs must not hold up the end.
    std::process::exit(i32::from(ending.code()));
}

fn coordinate() -> Result<Ending, CoordinatorError> {
    let command_line = CommandLine::read(std::env::args_os())?;
    let settings = taster_coordinator::settings(command_line)?;
    let internal = |e: std::io::Error| CoordinatorError::Internal(format!("cannot begin: {e}"));
    let (format, level) = (settings.log, settings.log_level);
    taster_process::begin_log("taster_coordinator", format, level).map_err(internal)?;
    let (trigger, shutdown) = taster_process::shutdown();
    let at_once = |ending: Ending| std::process::exit(i32::from(ending.code()));
    taster_process::watch_signals(trigger, at_once).map_err(internal)?;
    taster_coordinator::run(&settings, Listeners::bind(&settings)?, shutdown)
}

fn tell(error: &CoordinatorError) {
    match error {
        // A closed pipe, as with `--help | head`, is nobody's trouble.
        CoordinatorError::CommandLine(error) => drop(error.print()),
        error => drop(writeln!(std::io::stderr(), "taster-coordinator: error: {error}")),
    }
}
