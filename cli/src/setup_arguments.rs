//! The command lines of what is done before the first audit.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `taster doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster doctor
  taster doctor --store s3://bucket/taster/
  taster doctor --store s3://bucket/taster/ --output jsonl | jq 'select(.state != \"ok\")'

Looks at this machine (memory and its limit, file descriptors, clock) and, with --store, tries what
an audit needs of a store: it writes one small object in a folder of its own and deletes it.

Exit code 0 says that an audit can run (a warning is no failure), 4 that it cannot.")]
pub struct DoctorArguments {
    /// Folder or URL for work or reports that is to be tried
    #[arg(long, value_name = "FOLDER|URL")]
    pub store: Option<String>,
}

/// `taster completions`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster completions bash > ~/.local/share/bash-completion/completions/taster
  taster completions zsh > \"${fpath[1]}/_taster\"
  taster completions fish > ~/.config/fish/completions/taster.fish")]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `taster man`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster man | man -l -
  taster man --out ~/.local/share/man/man1/

Without --out the page of taster itself is printed, with it the pages of all commands are written.")]
pub struct ManArguments {
    /// Folder for a page for each command
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}
