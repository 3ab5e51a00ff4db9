//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};

use crate::error::CoordinatorError;
use crate::settings::Given;

/// Takes submitted audits, hands their tasks to taster-worker processes and keeps everything that
/// counts in the work store. It never touches text, and may be restarted at any time.
#[derive(Debug, Parser)]
#[command(name = "taster-coordinator", version, after_help = AFTER_HELP)]
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
  taster-coordinator --work s3://bucket/taster
  taster-coordinator --work s3://bucket/taster --allow s3://crawls/2026 --allow s3://reports \\
    --listen 0.0.0.0:7770 --tls-cert cert.pem --tls-key key.pem --token-file tokens

An option can also be given as TASTER_<OPTION> in the environment or in the file that --config
names; flags beat the environment, which beats the file. Stores are configured by the usual AWS_*
variables. Of two coordinators on one work store the younger goes on, the older ends.

Exit codes: 2 usage or configuration, 4 fenced by another coordinator or trouble with the store,
130/143 interrupted. Audits go on where they were with the next start.";

impl CommandLine {
    /// Reads the command line and, for what it leaves open, the environment.
    ///
    /// # Errors
    /// What clap says, help and version included.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, CoordinatorError> {
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

    fn read(line: &str) -> Result<CommandLine, CoordinatorError> {
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
            "taster-coordinator --lease soon",
            "taster-coordinator --listen localhost",
            "taster-coordinator --unit-bytes 4XB",
            "taster-coordinator --max-failures -1",
            "taster-coordinator --log xml",
            "taster-coordinator input",
        ] {
            assert_eq!(read(line).unwrap_err().ending().code(), 2, "{line}");
        }
        assert_eq!(read("taster-coordinator --help").unwrap_err().ending().code(), 0);
    }
}
