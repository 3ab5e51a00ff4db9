//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};

use crate::error::WorkerError;
use crate::settings::Given;

/// Runs the tasks of audits that a taster-coordinator assigns. Workers may come and go at any
/// time; the results do not depend on them.
#[derive(Debug, Parser)]
#[command(name = "taster-worker", version, after_help = AFTER_HELP)]
pub struct CommandLine {
    /// TOML file with settings, named like the options
    #[arg(long, env = "TASTER_CONFIG", hide_env_values = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What is set.
    #[command(flatten)]
    pub given: Given,
}

const AFTER_HELP: &str = "\
Examples:
  taster-worker --coordinator http://127.0.0.1:7770
  taster-worker --coordinator https://taster.internal:7770 --tls-ca ca.pem --token-file token

An option can also be given as TASTER_<OPTION> in the environment or in the file that --config
names; flags beat the environment, which beats the file. The stores are configured by the usual
AWS_* variables.

The first SIGTERM or Ctrl-C lets running tasks finish within --drain-deadline, the second ends at
once. Exit codes: 2 usage or configuration, 4 refused by the coordinator or given up on it,
130/143 interrupted.";

impl CommandLine {
    /// Reads the command line and, for what it leaves open, the environment.
    ///
    /// # Errors
    /// What clap says, help and version included.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, WorkerError> {
        Ok(Self::try_parse_from(arguments)?)
    }
}

/// The command line's definition, for whoever checks the arguments in a manifest.
#[must_use]
pub fn command() -> clap::Command {
    CommandLine::command()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(line: &str) -> Result<CommandLine, WorkerError> {
        CommandLine::read(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_option_has_its_variable() {
        for argument in command().get_arguments() {
            let Some(long) = argument.get_long().filter(|l| !["help", "version"].contains(l))
            else {
                continue;
            };
            let variable = format!("TASTER_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().unwrap().to_str(), Some(variable.as_str()));
        }
    }

    #[test]
    fn bad_values_are_refused() {
        for line in [
            "taster-worker --memory 4XB",
            "taster-worker --slots -1",
            "taster-worker --drain-deadline soon",
            "taster-worker --metrics-listen localhost",
            "taster-worker --log xml",
            "taster-worker --log-level loud",
            "taster-worker input",
        ] {
            assert_eq!(read(line).unwrap_err().ending().code(), 2, "{line}");
        }
        assert_eq!(read("taster-worker --help").unwrap_err().ending().code(), 0);
    }
}
