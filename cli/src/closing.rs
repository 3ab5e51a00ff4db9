//! The one end of a command, whether it comes from the command itself or from a signal.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::CliError;
use crate::exit::Ending;
use crate::log::Log;
use crate::provenance::Lineage;
use crate::result_file::{self, ResultRecord, Summary};

/// Knows what the end has to tell, and lets it happen once.
pub struct Closing {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: bool,
    result_file: Option<PathBuf>,
    log: Option<Log>,
    command: Option<&'static str>,
    resume: Option<String>,
    summary: Option<Summary>,
    lineage: Option<Lineage>,
}

impl Closing {
    /// An end that writes the result file named there, if one is.
    pub fn new(result_file: Option<PathBuf>) -> Self {
        let state = State { result_file, ..State::default() };
        Self { started: Instant::now(), state: Mutex::new(state) }
    }

    /// The command that runs.
    pub fn command(&self, name: &'static str) {
        self.state().command = Some(name);
    }

    /// Where the end is told.
    pub fn log(&self, log: Log) {
        self.state().log = Some(log);
    }

    /// The result file, where the configuration file names one.
    pub fn result_file(&self, path: Option<PathBuf>) {
        let mut state = self.state();
        state.result_file = path.or(state.result_file.take());
    }

    /// What to say when a signal ends the command: how it can be resumed.
    pub fn resume(&self, hint: String) {
        self.state().resume = Some(hint);
    }

    /// A run whose end is an event for others.
    pub fn lineage(&self, lineage: Lineage) {
        self.state().lineage = Some(lineage);
    }

    /// What the audit found.
    pub fn summary(&self, summary: Summary) {
        self.state().summary = Some(summary);
    }

    /// Ends with what the command returned: tells errors, writes the result file, and returns
    /// the exit code. If a signal came first, waits for it to end the process.
    pub fn end(&self, result: Result<Ending, CliError>) -> u8 {
        let ending = match &result {
            Ok(ending) => *ending,
            Err(error) => error.ending(),
        };
        let Some(state) = self.begin() else {
            loop {
                std::thread::park();
            }
        };
        let told = result.err().map(|error| state.tell(&error));
        // Help and version are told like errors and are none.
        let message = told.filter(|_| ending != Ending::Clean);
        state.write(ending, message, self.started)
    }

    /// Ends because of a signal and returns the exit code; `None` if the command has ended
    /// already.
    pub fn interrupt(&self, ending: Ending) -> Option<u8> {
        let mut state = self.begin()?;
        let message = format!(
            "{}: {}",
            ending.name(),
            state.resume.take().unwrap_or_else(|| "nothing was written".into())
        );
        let log = state.log();
        log.clear();
        log.say(&message);
        // Half of an audit is no audit.
        state.summary = None;
        Some(state.write(ending, Some(message), self.started))
    }

    fn begin(&self) -> Option<State> {
        let mut state = self.state();
        if state.ended {
            return None;
        }
        let taken = std::mem::take(&mut *state);
        state.ended = true;
        Some(taken)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn log(&self) -> Log {
        self.log.clone().unwrap_or_else(|| Log::standard(false))
    }

    /// Tells an error and returns its words; help goes where clap wants it.
    fn tell(&self, error: &CliError) -> String {
        if let CliError::CommandLine(error) = error {
            // A closed pipe, as with `--help | head`, is nobody's trouble.
            let _ = error.print();
            return error.to_string();
        }
        let message = error.to_string();
        let log = self.log();
        log.clear();
        log.error(&message);
        if let Some(advice) = error.advice() {
            log.note(advice);
        }
        message
    }

    fn write(&self, ending: Ending, message: Option<String>, started: Instant) -> u8 {
        if let Some(Err(error)) = self.lineage.as_ref().map(|lineage| lineage.end(ending)) {
            self.log().error(&error.to_string());
        }
        let Some(path) = &self.result_file else {
            return ending.code();
        };
        let record = ResultRecord {
            schema_version: result_file::SCHEMA_VERSION,
            taster_version: env!("CARGO_PKG_VERSION"),
            command: self.command,
            exit_code: ending.code(),
            outcome: ending.name(),
            message,
            seconds: started.elapsed().as_secs_f64(),
            summary: self.summary.clone(),
        };
        let Err(error) = result_file::write(path, &record) else {
            return ending.code();
        };
        self.log().error(&error.to_string());
        // A script that waits for the file must not take its absence for success.
        ending.code().max(Ending::Infrastructure.code())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::arguments::CommandLine;
    use crate::result_file::tests::read;

    fn end(result: Result<Ending, CliError>) -> (u8, serde_json::Value) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        let closing = Closing::new(Some(path.clone()));
        closing.log(Log::standard(true));
        closing.command("audit");
        (closing.end(result), read(&path))
    }

    #[test]
    fn every_end_writes_the_result_file() {
        for ending in [Ending::Clean, Ending::Findings, Ending::Incomplete] {
            let (code, result) = end(Ok(ending));
            assert_eq!((code, &result["exit_code"]), (ending.code(), &ending.code().into()));
            assert_eq!(result["outcome"], ending.name());
            assert_eq!(result["command"], "audit");
        }
        let (code, result) = end(Err(CliError::Usage("floor: expected …".into())));
        assert_eq!((code, &result["message"]), (2, &"floor: expected …".into()));
        let (code, result) = end(Err(CliError::Internal("x".into())));
        assert_eq!((code, &result["outcome"]), (4, &"infrastructure".into()));
        let usage = CommandLine::read(&["taster".into(), "frob".into()]).unwrap_err();
        let (code, result) = end(Err(usage));
        assert_eq!((code, &result["exit_code"]), (2, &2.into()));
        assert!(result["message"].as_str().unwrap().contains("frob"));
    }

    #[test]
    fn signals_end_with_their_code_and_say_how_to_go_on() {
        for (ending, code) in [(Ending::Interrupted, 130), (Ending::Terminated, 143)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("r.json");
            let closing = Closing::new(None);
            closing.result_file(Some(path.clone()));
            closing.log(Log::standard(true));
            closing.resume("run it again".into());
            assert_eq!(closing.interrupt(ending), Some(code));
            assert_eq!(read(&path)["message"], format!("{}: run it again", ending.name()));
            assert_eq!(closing.interrupt(ending), None);
        }
    }

    #[test]
    fn a_result_file_that_cannot_be_written_is_no_success() {
        let closing = Closing::new(Some("no/such/folder/r.json".into()));
        assert_eq!(closing.end(Ok(Ending::Findings)), 4);
        let closing = Closing::new(Some("no/such/folder/r.json".into()));
        assert_eq!(closing.interrupt(Ending::Interrupted), Some(130));
    }
}
