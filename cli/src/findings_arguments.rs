//! The command lines of what is done with the findings of a finished audit.

use clap::{Args, ValueEnum};

use crate::settings::SeverityName;

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
