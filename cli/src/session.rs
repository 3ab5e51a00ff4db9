//! From a command line to its ending.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::arguments::{Command, CommandLine};
use crate::closing::Closing;
use crate::commands;
use crate::configuration::ConfigurationFile;
use crate::error::CliError;
use crate::exit::Ending;
use crate::log::Log;
use crate::settings::OutputFormat;
use crate::terminal::Terminal;

/// Threads for input and output; counting runs on threads of its own.
const IO_THREADS: usize = 2;

/// What every command is given.
pub struct Session<'a> {
    /// Standard output.
    pub terminal: Terminal,
    /// What it carries.
    pub format: OutputFormat,
    /// Standard error.
    pub log: Log,
    /// Runs input and output.
    pub runtime: &'a Handle,
    /// Settings below flags and environment.
    pub file: ConfigurationFile,
    /// What the end has to tell.
    pub closing: &'a Closing,
}

/// Runs a command.
pub fn run(line: CommandLine, closing: &Closing, runtime: &Handle) -> Result<Ending, CliError> {
    closing.command(line.command.name());
    let file = ConfigurationFile::read(line.config.as_deref())?;
    let output = file.below(line.output)?;
    let log = Log::standard(output.quiet.unwrap_or(false));
    closing.log(log.clone());
    closing.result_file(output.result_file);
    let terminal = Terminal::standard();
    let format = output.output.unwrap_or_default();
    let session = Session { terminal, format, log, runtime, file, closing };
    let ending = match line.command {
        Command::Audit(arguments) => commands::audit::run(&session, arguments),
        Command::Ngrams(arguments) => commands::ngrams::run(&session, arguments),
        Command::Demo(arguments) => commands::demo::run(&session, arguments),
        Command::Lab(arguments) => commands::lab::run(&session, arguments),
        Command::Plan(arguments) => commands::plan::run(&session, arguments),
        Command::Verify(arguments) => commands::verify::run(&session, arguments),
        Command::Explain(arguments) => commands::explain::run(&session, &arguments),
        Command::Diff(arguments) => commands::diff::run(&session, &arguments),
        Command::Export(arguments) => commands::export::run(&session, &arguments),
        Command::Submit(arguments) => commands::submit::run(&session, arguments),
        Command::Watch(arguments) => commands::watch::run(&session, arguments),
        Command::List(arguments) => commands::list::run(&session, &arguments),
        Command::Cancel(arguments) => commands::list::cancel(&session, &arguments),
        Command::Report(arguments) => commands::report::run(&session, arguments),
        Command::Task(arguments) => commands::task::run(&session, arguments),
        Command::Doctor(arguments) => commands::doctor::run(&session, &arguments),
        Command::Completions(arguments) => commands::setup::completions(&session, &arguments),
        Command::Man(arguments) => commands::setup::man(&session, &arguments),
    }?;
    session.terminal.flush()?;
    Ok(ending)
}

/// The runtime for input and output.
///
/// # Errors
/// The operating system gives no threads.
pub fn runtime() -> Result<Runtime, CliError> {
    let built = Builder::new_multi_thread()
        .worker_threads(IO_THREADS)
        .thread_name("io")
        .enable_all()
        .build();
    built.map_err(|error| CliError::Internal(format!("cannot start the I/O threads: {error}")))
}

/// Runs `work`; a panic in it is an error like others, so that the result file is still written.
pub fn contained(work: impl FnOnce() -> Result<Ending, CliError>) -> Result<Ending, CliError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let detail = panic_message(panic.as_ref());
        Err(CliError::Internal(format!("a mistake in taster itself, please report it: {detail}")))
    })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_panic_is_an_infrastructure_error() {
        let error = contained(|| panic!("no such bucket {}", 7)).unwrap_err();
        assert_eq!(error.ending(), Ending::Infrastructure);
        assert!(error.to_string().ends_with("no such bucket 7"));
        assert_eq!(contained(|| Ok(Ending::Findings)).unwrap(), Ending::Findings);
    }
}
