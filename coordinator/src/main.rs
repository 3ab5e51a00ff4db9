//! The `taster-coordinator` command: reads the command line and coordinates until it is told to
//! end.

use std::io::Write;

use taster_coordinator::{CommandLine, CoordinatorError, Ending, Listeners};

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
    taster_coordinator::begin_log(settings.log, settings.log_level)?;
    let (trigger, shutdown) = taster_coordinator::shutdown();
    let at_once = |ending: Ending| std::process::exit(i32::from(ending.code()));
    taster_coordinator::watch_signals(trigger, at_once)?;
    taster_coordinator::run(&settings, Listeners::bind(&settings)?, shutdown)
}

fn tell(error: &CoordinatorError) {
    match error {
        // A closed pipe, as with `--help | head`, is nobody's trouble.
        CoordinatorError::CommandLine(error) => drop(error.print()),
        error => drop(writeln!(std::io::stderr(), "taster-coordinator: error: {error}")),
    }
}
