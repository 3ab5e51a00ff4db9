//! `taster completions` and `taster man`: what a shell and `man` know of the command.

use std::path::Path;

use clap::CommandFactory;

use crate::arguments::CommandLine;
use crate::error::CliError;
use crate::exit::Ending;
use crate::session::Session;
use crate::setup_arguments::{CompletionsArguments, ManArguments};

const NAME: &str = "taster";

/// Runs `taster completions`.
pub fn completions(
    session: &Session<'_>,
    arguments: &CompletionsArguments,
) -> Result<Ending, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), NAME, &mut script);
    session.terminal.bytes(&script)?;
    Ok(Ending::Clean)
}

/// Runs `taster man`.
pub fn man(session: &Session<'_>, arguments: &ManArguments) -> Result<Ending, CliError> {
    let mut command = CommandLine::command();
    command.build();
    match &arguments.out {
        None => session.terminal.bytes(&page(NAME, &command)?)?,
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|source| failed("create", folder, source))?;
            write_page(folder, NAME, &command)?;
            for of in command.get_subcommands() {
                let name = format!("{NAME}-{}", of.get_name());
                write_page(folder, &name, of)?;
            }
        }
    }
    Ok(Ending::Clean)
}

fn write_page(folder: &Path, name: &str, command: &clap::Command) -> Result<(), CliError> {
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, page(name, command)?).map_err(|source| failed("write", &path, source))
}

fn page(title: &str, command: &clap::Command) -> Result<Vec<u8>, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(title)
        .render(&mut page)
        .map_err(CliError::Output)?;
    Ok(page)
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::File { action, path: path.to_owned(), source }
}
