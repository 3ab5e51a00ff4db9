//! Starts this program again to measure one thing.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use crate::arguments::MeasureArguments;
use crate::error::BenchError;
use crate::measure::Measurement;

/// Measures in a process of its own.
///
/// # Errors
/// The process cannot be started, fails, or prints something else.
pub fn measure<F: DeserializeOwned>(
    arguments: &MeasureArguments,
) -> Result<Measurement<F>, BenchError> {
    measure_in(&BTreeMap::new(), arguments)
}

/// The same, with more variables in its environment.
///
/// # Errors
/// As [`measure`].
pub fn measure_in<F: DeserializeOwned>(
    environment: &BTreeMap<&'static str, String>,
    arguments: &MeasureArguments,
) -> Result<Measurement<F>, BenchError> {
    let what = arguments.what.name();
    let failed = |detail: String| BenchError::Child { what, detail };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    command.args(line(arguments)).envs(environment).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

fn line(arguments: &MeasureArguments) -> Vec<String> {
    let MeasureArguments { what, input, threads, memory, folder } = arguments;
    let mut line = vec!["measure".to_owned(), what.name().to_owned()];
    line.push(format!("--input={input}"));
    line.push(format!("--threads={threads}"));
    line.push(format!("--memory={memory}"));
    line.push(format!("--folder={folder}"));
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::arguments::{Command, CommandLine, Measured};
    use crate::byte_size::ByteSize;
    use clap::Parser;

    #[test]
    fn the_child_reads_what_the_parent_wrote() {
        let arguments = MeasureArguments {
            what: Measured::Tokenise,
            input: "-a b".to_owned(),
            threads: 3,
            memory: ByteSize(256 << 20),
            folder: "f".to_owned(),
        };
        let words = [vec!["taster-bench".to_owned()], line(&arguments)].concat();
        let Command::Measure(read) = CommandLine::try_parse_from(words).unwrap().command else {
            panic!("not a measurement");
        };
        assert_eq!(format!("{read:?}"), format!("{arguments:?}"));
    }
}
