//! The command lines of what is done with the findings of a finished audit.

use clap::{Args, ValueEnum};

use crate::settings::{FailOn, SeverityName};

/// `taster export`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster export audit/ --format ids > remove.txt
  taster export audit/ --format nemo --to remove/
  taster export audit/ --format dolma --to dolma/ --finding 1 --finding d2d795
  taster export audit/ --format sarif --severity low --to audit.sarif

Removal lists (ids, nemo, dolma, datatrove) hold every document of the chosen findings. dolma and
datatrove go by the position of rows: they read the inputs again, and refuse shards that are not
those that were audited. docs/removal.md has a recipe for each format.

ids        one document id per line
nemo       folder with a Parquet file of ids, for NeMo Curator
dolma      folder with attributes/taster/…, for Dolma's mixer
datatrove  folder with NNNNNN.remove, paths.txt and remove.py, for datatrove
sarif      SARIF 2.1.0, for code scanners
triggers   JSON Lines with the found sequences, to test a trained model with")]
pub struct ExportArguments {
    /// Folder or URL that an audit wrote
    #[arg(value_name = "OUT")]
    pub out: String,
    /// What to write
    #[arg(long, value_name = "FORMAT")]
    pub format: ExportFormat,
    /// File (ids, sarif, triggers) or folder (nemo, dolma, datatrove) to write, or a URL [default:
    /// standard output, for what is a file]
    #[arg(long, value_name = "FILE|FOLDER|URL")]
    pub to: Option<String>,
    /// Least severity of a finding [default: high; info if a campaign is named]
    #[arg(long, value_name = "SEVERITY", help_heading = "Findings")]
    pub severity: Option<SeverityName>,
    /// Only this finding: its rank, its id, or the first digits of its id; can be repeated
    #[arg(long, value_name = "FINDING", help_heading = "Findings")]
    pub finding: Vec<String>,
    /// Only the findings of this campaign
    #[arg(long, value_name = "N", help_heading = "Findings")]
    pub campaign: Option<i32>,
    /// Where the inputs are now [default: where they were, as run.json says]
    #[arg(long = "input", value_name = "INPUT")]
    pub inputs: Vec<String>,
}

/// What `export` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One document id per line
    Ids,
    /// A folder with a Parquet file of ids
    Nemo,
    /// Attributes of all documents
    Dolma,
    /// Positions of documents in each shard
    Datatrove,
    /// SARIF 2.1.0
    Sarif,
    /// The found sequences as JSON Lines
    Triggers,
}

/// `taster explain`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster explain audit/ 1
  taster explain s3://bucket/audit d2d795 --output json

FINDING is a rank, an id, or the first digits of an id. Reads the output of the audit alone.")]
pub struct ExplainArguments {
    /// Folder or URL that an audit wrote
    #[arg(value_name = "OUT")]
    pub out: String,
    /// The finding: its rank, its id, or the first digits of its id
    #[arg(value_name = "FINDING")]
    pub finding: String,
    /// Occurrences that are shown in context
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub examples: usize,
}

/// `taster diff`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster diff audits/2026-10/ audits/2026-11/
  taster diff s3://bucket/audits/10 s3://bucket/audits/11 --fail-on critical --output jsonl

Shows findings that are new, gone, or judged otherwise, and shards that are new, gone, or have other
texts. If both audits were made with --documents, also documents whose text changed for the same URL
(or id): split view, by which whoever owns a page poisons crawls to come.

Exit code 1 says that a finding is at or above --fail-on now and was not before.")]
pub struct DiffArguments {
    /// The earlier audit: the folder or URL that it wrote
    #[arg(value_name = "OLD")]
    pub old: String,
    /// The later one
    #[arg(value_name = "NEW")]
    pub new: String,
    /// Exit with 1 if a finding of this severity or above is new [default: high]
    #[arg(long, env = "TASTER_FAIL_ON", hide_env_values = true, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
}

/// `taster verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster verify audit/
  taster verify s3://bucket/audit --input /mnt/copy-of-the-corpus/

Exit code 0 says that everything holds, 1 that something does not.")]
pub struct VerifyArguments {
    /// Folder or URL that an audit wrote
    #[arg(value_name = "OUT")]
    pub out: String,
    /// Where the inputs are now [default: where they were, as run.json says]
    #[arg(long = "input", value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// Shards read at the same time [default: one per core]
    #[arg(long, env = "TASTER_THREADS", hide_env_values = true, value_name = "N")]
    pub threads: Option<usize>,
}
