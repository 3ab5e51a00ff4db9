//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::byte_size::ByteSize;

/// Measures Taster beside a floor and a peer.
#[derive(Debug, Parser)]
#[command(name = "taster-bench", version)]
pub struct CommandLine {
    /// What is measured.
    #[command(subcommand)]
    pub command: Command,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Speed and memory of scan, tokenising, counting, audits, and Polars on the same data
    Speed(SpeedArguments),
    /// Ranks and false alarms on planted corpora, and false alarms on the clean one
    Detection(DetectionArguments),
    /// Seconds of an audit by a coordinator and workers on this machine, beside the embedded audit
    Cluster(ClusterArguments),
    /// MB/s of an audit over S3 beside the raw download rate of the same objects and the same audit
    /// from disk
    S3(S3Arguments),
    /// An S3 server over a folder, until it is killed; prints its address.
    #[command(hide = true)]
    Serve(ServeArguments),
    /// One measurement in a process of its own; prints JSON.
    #[command(hide = true)]
    Measure(MeasureArguments),
}

/// Arguments of `speed`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("corpus").required(true).args(["input", "text_mb"])))]
pub struct SpeedArguments {
    /// Folder of Parquet files to measure on
    #[arg(long, value_name = "DIR")]
    pub input: Option<PathBuf>,
    /// Build a corpus with this much text (in MB, 10^6 bytes) from a real one and measure on that
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..))]
    pub text_mb: Option<u64>,
    /// Seed of the corpus that is built
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Threads of every measurement, the peer's too
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Memory of the first audit; the peer has no limit
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub memory: ByteSize,
    /// Memory of the second audit, whose report must have the same bytes
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub small_memory: ByteSize,
    /// Rounds; everything is measured once in each, medians are shown
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Where temporary files go [default: the system's folder for them]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// A Python interpreter that has Polars
    #[arg(long, value_name = "PYTHON", requires = "peers")]
    pub polars: Option<PathBuf>,
    /// Folder that holds `polars_ngrams.py`
    #[arg(long, value_name = "DIR", requires = "polars")]
    pub peers: Option<PathBuf>,
    /// Write all measurements to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Arguments of `detection`.
#[derive(Debug, Args)]
pub struct DetectionArguments {
    /// Clean corpus: a folder of Parquet files
    #[arg(long, value_name = "DIR")]
    pub input: PathBuf,
    /// Seeds of the `souly` recipe, from 1
    #[arg(long, default_value_t = 10)]
    pub seeds: u64,
    /// Seeds of the other recipes, from 1
    #[arg(long, default_value_t = 3)]
    pub other_seeds: u64,
    /// Documents that `souly` poisons, each number in a corpus of its own
    #[arg(long, value_delimiter = ',', default_value = "10,50,250")]
    pub doses: Vec<u64>,
    /// Documents that each of the other recipes poisons
    #[arg(long, default_value_t = 25)]
    pub other_dose: u64,
    /// Threads of the audits
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Memory of the audits
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub memory: ByteSize,
    /// Where temporary files go [default: the system's folder for them]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Write all results to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Arguments of `cluster`. The binaries are those beside this one.
#[derive(Debug, Args)]
pub struct ClusterArguments {
    /// Folder of Parquet files to measure on
    #[arg(long, value_name = "DIR")]
    pub input: PathBuf,
    /// Threads of the embedded audit, and of all workers together where there is one or two
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Where temporary files go [default: the system's folder for them]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Write all measurements to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Arguments of `s3`. The server is a process of its own on this machine.
#[derive(Debug, Args)]
pub struct S3Arguments {
    /// Folder of Parquet files to measure on
    #[arg(long, value_name = "DIR")]
    pub input: PathBuf,
    /// Threads of every measurement
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// Memory of the audits
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    pub memory: ByteSize,
    /// Milliseconds that the server waits before it answers a request, as one far away does
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub delay: u64,
    /// Where temporary files go [default: the system's folder for them]
    #[arg(long, value_name = "DIR")]
    pub work: Option<PathBuf>,
    /// Write all measurements to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Arguments of the S3 server: what a parent tells its child.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Folder of which every folder is a bucket
    #[arg(long)]
    pub folder: PathBuf,
    /// Milliseconds before every answer
    #[arg(long)]
    pub delay: u64,
}

/// Arguments of one measurement: what a parent tells its child.
#[derive(Debug, Clone, Args)]
pub struct MeasureArguments {
    /// What is measured
    pub what: Measured,
    /// The corpus
    #[arg(long)]
    pub input: String,
    /// Threads
    #[arg(long)]
    pub threads: u16,
    /// Memory of an audit
    #[arg(long)]
    pub memory: ByteSize,
    /// Folder or URL that does not exist yet, for the work and the report of an audit, or for copies
    #[arg(long)]
    pub folder: String,
}

/// What is measured in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measured {
    /// Decoding the text column.
    Scan,
    /// The same, and hashing every token.
    Tokenise,
    /// An audit from an empty work folder, its report included.
    Audit,
    /// Writing the files of a folder into a store.
    Upload,
    /// Reading whole objects of a store, for at least some seconds.
    Download,
}

impl Measured {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Tokenise => "tokenise",
            Self::Audit => "audit",
            Self::Upload => "upload",
            Self::Download => "download",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_corpus_is_named_exactly_once() {
        let speed = |rest: &[&str]| {
            CommandLine::try_parse_from([&["taster-bench", "speed"], rest].concat())
        };
        assert!(speed(&["--text-mb", "5"]).is_ok());
        assert!(speed(&["--input", "x", "--memory", "64MiB"]).is_ok());
        assert!(speed(&[]).is_err());
        assert!(speed(&["--input", "x", "--text-mb", "5"]).is_err());
        assert!(speed(&["--input", "x", "--polars", "python3"]).is_err());
    }
}
