//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::error::CliError;
use crate::findings_arguments::{
    DiffArguments, ExplainArguments, ExportArguments, VerifyArguments,
};
use crate::lab_arguments::LabArguments;
use crate::provenance::ProvenanceArguments;
use crate::remote::ConnectionArguments;
use crate::settings::{
    AuditSettings, CorpusSettings, OutputSettings, ResourceSettings, ScreeningSettings,
    VerdictSettings,
};
use crate::setup_arguments::{CompletionsArguments, DoctorArguments, ManArguments};

/// Tastes training data before a model does: finds token sequences that are globally rare but
/// locally concentrated, the signature that data poisoning leaves in text.
#[derive(Debug, Parser)]
#[command(name = "taster", version, after_help = AFTER_HELP)]
pub struct CommandLine {
    /// What every command takes.
    #[command(flatten)]
    pub output: OutputSettings,
    /// TOML file with settings, named like the options [default: taster.toml, if it is here]
    #[arg(
        long,
        global = true,
        env = "TASTER_CONFIG",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Output"
    )]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Start here:
  taster demo                                   see poison found in real text
  taster plan data/                             what an audit would read
  taster audit data/ --out audit/               find it in your own

An option can also be given as TASTER_<OPTION> in the environment or in taster.toml; flags beat
the environment, which beats the file.

Exit codes: 0 clean, 1 findings at or above --fail-on, 2 usage or configuration, 3 incomplete
(more shards unreadable than --max-quarantine), 4 infrastructure, 130/143 interrupted.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find what is globally rare but locally concentrated, with evidence
    Audit(AuditArguments),
    /// Write the exact table of all n-grams of one order
    Ngrams(NgramsArguments),
    /// Plant known poisons in a real sample, audit it, and show what was found
    Demo(DemoArguments),
    /// Plant attacks at chosen doses in a corpus, audit it, and measure what is found
    Lab(LabArguments),
    /// Show what an audit would read, do and need, without doing it
    Plan(PlanArguments),
    /// Re-read the inputs of an audit and confirm every finding and checksum
    Verify(VerifyArguments),
    /// Show why something was found, where, and in context
    Explain(ExplainArguments),
    /// Compare two audits: new, gone and changed findings, shards and documents
    Diff(DiffArguments),
    /// Write findings and their documents as other tools read them
    Export(ExportArguments),
    /// Audit on a cluster: hand the inputs to a coordinator
    Submit(SubmitArguments),
    /// Show how far an audit on a cluster is, until it has ended
    Watch(WatchArguments),
    /// List the audits of a coordinator
    List(ListArguments),
    /// End an audit on a cluster
    Cancel(CancelArguments),
    /// Show what an audit on a cluster found
    Report(ReportArguments),
    /// Run one task of a planned audit, for the engine of a cluster
    Task(TaskArguments),
    /// Check this machine and a store: what an audit needs, and what to do where it is missing
    Doctor(DoctorArguments),
    /// Write a completion script for a shell
    Completions(CompletionsArguments),
    /// Write manual pages
    Man(ManArguments),
}

impl Command {
    /// The command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Audit(_) => "audit",
            Self::Ngrams(_) => "ngrams",
            Self::Demo(_) => "demo",
            Self::Lab(_) => "lab",
            Self::Plan(_) => "plan",
            Self::Verify(_) => "verify",
            Self::Explain(_) => "explain",
            Self::Diff(_) => "diff",
            Self::Export(_) => "export",
            Self::Submit(_) => "submit",
            Self::Watch(_) => "watch",
            Self::List(_) => "list",
            Self::Cancel(_) => "cancel",
            Self::Report(_) => "report",
            Self::Task(_) => "task",
            Self::Doctor(_) => "doctor",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

/// What is audited.
#[derive(Debug, Args)]
pub struct Inputs {
    /// Parquet files, folders, globs, s3:// or file:// URLs, or @list.txt with one per line
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
}

/// `taster audit`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster audit data/ --out audit/
  taster audit 's3://bucket/crawl/*.parquet' --out s3://bucket/audit --memory 8GiB
  taster audit @shards.txt --out audit/ --fail-on critical --output jsonl | jq .text

OUT receives report.html (for people), report.json, findings.parquet, findings.jsonl,
occurrences.parquet, manifest.jsonl, quarantine.jsonl (the same bytes on every run) and run.json
(times, machine, inputs). Finished tasks are kept in --work: an interrupted audit continues there, a later one reuses them.

--canaries changes no finding, and no file but report.json and report.html, which get the recall that was measured
on this very corpus; nothing is planted in what is stored. Audits on a cluster have no canaries.

Exit code 1 (a finding at or above --fail-on) outranks 3 (shards could not be read).")]
pub struct AuditArguments {
    /// What is audited.
    #[command(flatten)]
    pub inputs: Inputs,
    /// The report.
    #[command(flatten)]
    pub audit: AuditSettings,
    /// The verdict.
    #[command(flatten)]
    pub verdict: VerdictSettings,
    /// Plant so many harmless poisons while the corpus is read once more, and report how many are found;
    /// an audit of its own for every 12
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=360))]
    pub canaries: Option<u64>,
    /// The corpus.
    #[command(flatten)]
    pub corpus: CorpusSettings,
    /// What is looked for.
    #[command(flatten)]
    pub screening: ScreeningSettings,
    /// The machine.
    #[command(flatten)]
    pub resources: ResourceSettings,
    /// What is said about the audit besides.
    #[command(flatten)]
    pub provenance: ProvenanceArguments,
}

/// `taster ngrams`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster ngrams data/ --order 3 --min-df 10 --out trigrams.parquet
  taster ngrams data/ --order 2 --min-df 5 --by host --out by-host.parquet

The table has the columns ngram (tokens joined by one blank), n, df, cf; with --by: ngram, n,
locality, df, locality_documents. It is sorted by n-gram.")]
pub struct NgramsArguments {
    /// What is counted.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Tokens of an n-gram, 1 to 8
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub order: u8,
    /// Fewest documents of an n-gram in the table
    #[arg(long, value_name = "DOCUMENTS", value_parser = clap::value_parser!(u64).range(1..))]
    pub min_df: u64,
    /// Count by locality on this axis
    #[arg(long, value_name = "AXIS")]
    pub by: Option<String>,
    /// The Parquet file to write, on this machine
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The corpus.
    #[command(flatten)]
    pub corpus: CorpusSettings,
    /// The machine.
    #[command(flatten)]
    pub resources: ResourceSettings,
}

/// `taster demo`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster demo
  taster demo --out demo/ --seed 7

Needs no network and no data: the sample comes with the program. Exit code 0 says that every
planted poison was found, 1 that one was missed.")]
pub struct DemoArguments {
    /// Folder for the sample and its audit [default: taster-demo in the system's folder for
    /// temporary files]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Determines triggers, payloads and poisoned documents
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The machine.
    #[command(flatten)]
    pub resources: ResourceSettings,
}

/// `taster plan`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster plan data/
  taster plan s3://bucket/crawl/ --memory 8GiB --output json
  taster plan s3://bucket/crawl/ --write --tasks 64 --out s3://bucket/audit --work s3://bucket/taster

Reads listings and footers only. With --write it freezes what is audited, puts a spec for every task
into the work location and lists them as JSON, for engines that run `taster task SPEC`.")]
pub struct PlanArguments {
    /// What would be audited.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Put task specs into the work location and list them
    #[arg(long, requires = "out", help_heading = "Specs")]
    pub write: bool,
    /// Folder or URL of the report, for --write
    #[arg(long, value_name = "FOLDER|URL", help_heading = "Specs")]
    pub out: Option<String>,
    /// Specs of each stage that can be cut, for --write
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Specs",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks: u32,
    /// The corpus.
    #[command(flatten)]
    pub corpus: CorpusSettings,
    /// What would be looked for.
    #[command(flatten)]
    pub screening: ScreeningSettings,
    /// The machine.
    #[command(flatten)]
    pub resources: ResourceSettings,
}

/// `taster submit`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster submit s3://bucket/crawl/ --out s3://bucket/audit --coordinator https://taster:7770
  taster submit s3://bucket/crawl/ --out s3://bucket/audit --wait --fail-on critical

Prints the id of the audit. With --wait it shows the progress, then the findings, and ends like
`taster audit` does; Ctrl-C leaves the audit running.")]
pub struct SubmitArguments {
    /// What is audited: URLs that the workers can read.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Wait for the report
    #[arg(long)]
    pub wait: bool,
    /// Id of the submission: the same one twice is one audit [default: a fresh one]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// The report.
    #[command(flatten)]
    pub audit: AuditSettings,
    /// The verdict.
    #[command(flatten)]
    pub verdict: VerdictSettings,
    /// The coordinator.
    #[command(flatten)]
    pub connection: ConnectionArguments,
    /// The corpus.
    #[command(flatten)]
    pub corpus: CorpusSettings,
    /// What is looked for.
    #[command(flatten)]
    pub screening: ScreeningSettings,
}

/// `taster watch`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster watch 0198f3c2-7d1e-7c3a-9a51-0d8f6f1f2a10

Ctrl-C ends the watching, not the audit.")]
pub struct WatchArguments {
    /// Id of the audit
    #[arg(value_name = "AUDIT")]
    pub audit: String,
    /// The coordinator.
    #[command(flatten)]
    pub connection: ConnectionArguments,
}

/// `taster list`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster list --coordinator https://taster:7770
  taster list --output jsonl | jq -r 'select(.state == \"running\").audit'")]
pub struct ListArguments {
    /// The coordinator.
    #[command(flatten)]
    pub connection: ConnectionArguments,
}

/// `taster cancel`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster cancel 0198f3c2-7d1e-7c3a-9a51-0d8f6f1f2a10

What the audit has committed stays and serves later audits.")]
pub struct CancelArguments {
    /// Id of the audit
    #[arg(value_name = "AUDIT")]
    pub audit: String,
    /// The coordinator.
    #[command(flatten)]
    pub connection: ConnectionArguments,
}

/// `taster report`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster report 0198f3c2-7d1e-7c3a-9a51-0d8f6f1f2a10
  taster report 0198f3c2-7d1e-7c3a-9a51-0d8f6f1f2a10 --output json > report.json

Ends like `taster audit` does: 1 for a finding at or above --fail-on.")]
pub struct ReportArguments {
    /// Id of the audit
    #[arg(value_name = "AUDIT")]
    pub audit: String,
    /// The verdict.
    #[command(flatten)]
    pub verdict: VerdictSettings,
    /// The coordinator.
    #[command(flatten)]
    pub connection: ConnectionArguments,
}

/// `taster task`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster task s3://bucket/taster/audits/ID/specs/01-count/00003.json
  taster task s3://bucket/taster/audits/ID/specs/01-count --index \"$JOB_COMPLETION_INDEX\"

`taster plan --write` writes the specs and lists them. Stages are barriers: begin a stage when all
specs of the one before have ended. Specs of one stage may run in any order, at the same time,
several times, on any machine that reads the inputs and writes the work location.

Exit code 0 says that the tasks are done, 4 that they can be tried again.")]
pub struct TaskArguments {
    /// Path or URL of a spec, or with --index of the folder of a stage's specs
    #[arg(value_name = "SPEC")]
    pub spec: String,
    /// Number of the spec in its folder
    #[arg(long, env = "TASTER_INDEX", hide_env_values = true, value_name = "N")]
    pub index: Option<u32>,
    /// The machine.
    #[command(flatten)]
    pub resources: ResourceSettings,
}

impl CommandLine {
    /// Reads the command line and, for what it leaves open, the environment.
    pub fn read(arguments: &[OsString]) -> Result<Self, CliError> {
        Ok(Self::try_parse_from(arguments)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use clap::CommandFactory;

    fn read(line: &str) -> Result<CommandLine, CliError> {
        let arguments: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        CommandLine::read(&arguments)
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_by_an_example() {
        for command in CommandLine::command().get_subcommands() {
            let help = command.get_after_help().unwrap().to_string();
            assert!(
                help.contains(&format!("taster {} ", command.get_name()))
                    || help.contains("taster demo\n")
            );
        }
    }

    #[test]
    fn options_may_stand_on_both_sides_of_the_command() {
        let one =
            read("taster --quiet --result-file r.json audit a b --out o --axis host,date").unwrap();
        let two = read(
            "taster audit a b --out o --axis host --axis date --result-file=r.json --quiet=true",
        )
        .unwrap();
        for line in [one, two] {
            assert_eq!(line.output.quiet, Some(true));
            assert_eq!(line.output.result_file, Some(PathBuf::from("r.json")));
            let Command::Audit(audit) = line.command else { panic!("not an audit") };
            assert_eq!(audit.inputs.inputs, ["a", "b"]);
            assert_eq!(audit.corpus.axis.unwrap(), ["host", "date"]);
        }
    }

    #[test]
    fn bad_values_are_refused() {
        for line in [
            "taster audit",
            "taster audit a --memory 4XB",
            "taster audit a --orders 5-1",
            "taster audit a --ceiling none",
            "taster audit a --fail-on severe",
            "taster audit a --tokenizer bpe",
            "taster ngrams a --order 9 --min-df 1 --out f",
            "taster ngrams a --order 2 --min-df 0 --out f",
            "taster ngrams a --order 2 --min-df 1",
            "taster verify",
        ] {
            assert_eq!(read(line).unwrap_err().ending().code(), 2, "{line}");
        }
    }
}
