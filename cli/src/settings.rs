//! Options that can come from a flag, the environment, the configuration file, or a default, in
//! this order of precedence. Each struct is read by clap (flag, else environment) and from the
//! file, and the two are laid over each other; defaults are applied last.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use taster_findings::Severity;
use taster_planning::Orders;
use taster_process::ByteSize;

/// Settings of which each may be given or not.
pub trait Layer: Sized {
    /// What is given here, and from `below` what is not.
    fn over(self, below: Self) -> Self;
}

macro_rules! layer {
    ($settings:ident: $($field:ident),+) => {
        impl Layer for $settings {
            fn over(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field)),+ }
            }
        }
    };
}

/// How results are shown.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = "Output")]
#[serde(default, rename_all = "kebab-case")]
pub struct OutputSettings {
    /// What is written to standard output [default: table]
    #[arg(
        long,
        global = true,
        env = "TASTER_OUTPUT",
        hide_env_values = true,
        value_name = "FORMAT"
    )]
    pub output: Option<OutputFormat>,
    /// Write no progress and no notes to standard error; errors are still written
    #[arg(long, global = true, env = "TASTER_QUIET", hide_env_values = true, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub quiet: Option<bool>,
    /// Write how the command ended to this JSON file, on every exit
    #[arg(
        long,
        global = true,
        env = "TASTER_RESULT_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub result_file: Option<PathBuf>,
}

layer!(OutputSettings: output, quiet, result_file);

/// What standard output carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// For reading
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Jsonl,
}

/// How the corpus is read.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = "Corpus")]
#[serde(default, rename_all = "kebab-case")]
pub struct CorpusSettings {
    /// Column with the text [default: the first of text, content, raw_content]
    #[arg(long, env = "TASTER_TEXT_COLUMN", hide_env_values = true, value_name = "NAME")]
    pub text_column: Option<String>,
    /// Column with the document id [default: the first of id, doc_id, else shard#row]
    #[arg(long, env = "TASTER_ID_COLUMN", hide_env_values = true, value_name = "NAME")]
    pub id_column: Option<String>,
    /// Locality axes [default: shard, and those of host (or domain, or url), source, dump, date,
    /// author, language that exist]
    #[arg(
        long,
        env = "TASTER_AXIS",
        hide_env_values = true,
        value_name = "NAME,…",
        value_delimiter = ','
    )]
    pub axis: Option<Vec<String>>,
    /// What a token is [default: words]
    #[arg(long, env = "TASTER_TOKENIZER", hide_env_values = true, value_name = "NAME")]
    pub tokenizer: Option<Tokenizer>,
    /// Folder or URL for task outputs, which later runs reuse [default: .taster-work in a local
    /// OUT, .work in a URL]
    #[arg(long, env = "TASTER_WORK", hide_env_values = true, value_name = "FOLDER|URL")]
    pub work: Option<String>,
    /// Shards that may be unreadable before the exit code is 3 [default: 0]
    #[arg(long, env = "TASTER_MAX_QUARANTINE", hide_env_values = true, value_name = "SHARDS")]
    pub max_quarantine: Option<u64>,
}

layer!(CorpusSettings: text_column, id_column, axis, tokenizer, work, max_quarantine);

/// The tokenizers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokenizer {
    /// Words, and every punctuation mark or symbol by itself; changes nothing in the text
    Words,
}

/// What the machine gives. Never changes a result.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = "Machine")]
#[serde(default, rename_all = "kebab-case")]
pub struct ResourceSettings {
    /// Tasks at the same time [default: one per core]
    #[arg(long, env = "TASTER_THREADS", hide_env_values = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Memory for all of them together, at least 64MiB [default: 4GiB]
    #[arg(long, env = "TASTER_MEMORY", hide_env_values = true, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
}

layer!(ResourceSettings: threads, memory);

/// What is looked for.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = "Findings")]
#[serde(default, rename_all = "kebab-case")]
pub struct ScreeningSettings {
    /// Lengths of n-grams that are counted, within 1-8 [default: 1-5]
    #[arg(long, env = "TASTER_ORDERS", hide_env_values = true, value_name = "N-M")]
    #[serde(deserialize_with = "orders")]
    pub orders: Option<Orders>,
    /// Fewest documents of a finding [default: 10]
    #[arg(long, env = "TASTER_FLOOR", hide_env_values = true, value_name = "DOCUMENTS")]
    pub floor: Option<u64>,
    /// Most documents of a finding; auto is a millionth of the corpus, and at least 2000
    /// [default: auto]
    #[arg(long, env = "TASTER_CEILING", hide_env_values = true, value_name = "DOCUMENTS|auto")]
    pub ceiling: Option<Ceiling>,
    /// Most findings in the report [default: 1000]
    #[arg(long, env = "TASTER_MAX_FINDINGS", hide_env_values = true, value_name = "N")]
    pub max_findings: Option<u32>,
    /// Known triggers and patterns that are looked for: TOML files of [[signature]], `default` for
    /// the list that comes with the program, or `none` [default: default]
    #[arg(
        long,
        env = "TASTER_SIGNATURES",
        hide_env_values = true,
        value_name = "FILE|default|none,…",
        value_delimiter = ','
    )]
    pub signatures: Option<Vec<String>>,
    /// Column with a label per document (text, whole numbers or booleans): n-grams that go with one
    /// label are listed; as an axis it is no place any more
    #[arg(long, env = "TASTER_LABEL_COLUMN", hide_env_values = true, value_name = "NAME")]
    pub label_column: Option<String>,
}

layer!(ScreeningSettings: orders, floor, ceiling, max_findings, signatures, label_column);

/// What only `audit` takes.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AuditSettings {
    /// Folder or URL for the report
    #[arg(long, env = "TASTER_OUT", hide_env_values = true, value_name = "FOLDER|URL")]
    pub out: Option<String>,
}

layer!(AuditSettings: out);

/// Which findings fail an audit. Never changes a file of the report.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[command(next_help_heading = "Verdict")]
#[serde(default, rename_all = "kebab-case")]
pub struct VerdictSettings {
    /// Exit with 1 if there is a finding of this severity or above [default: high]
    #[arg(long, env = "TASTER_FAIL_ON", hide_env_values = true, value_name = "SEVERITY")]
    pub fail_on: Option<FailOn>,
    /// An earlier audit (its folder, URL or report.json): findings that it has do not count
    #[arg(long, env = "TASTER_BASELINE", hide_env_values = true, value_name = "OUT")]
    pub baseline: Option<String>,
    /// TOML file of findings that do not count: [[suppress]] with id, reason and, if they count
    /// again some day, expires = 2027-01-31
    #[arg(long, env = "TASTER_SUPPRESSIONS", hide_env_values = true, value_name = "FILE")]
    pub suppressions: Option<PathBuf>,
}

layer!(VerdictSettings: fail_on, baseline, suppressions);

/// A severity as an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeverityName {
    Critical,
    High,
    Medium,
    Low,
    Info,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Self {
        match name {
            SeverityName::Critical => Self::Critical,
            SeverityName::High => Self::High,
            SeverityName::Medium => Self::Medium,
            SeverityName::Low => Self::Low,
            SeverityName::Info => Self::Info,
        }
    }
}

/// The severity from which an audit fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    Critical,
    #[default]
    High,
    Medium,
    Low,
    Info,
    Never,
}

impl FailOn {
    /// The least severity that fails; `None` if none does.
    pub fn threshold(self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::High => Some(Severity::High),
            Self::Medium => Some(Severity::Medium),
            Self::Low => Some(Severity::Low),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}

/// The largest document frequency of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceiling {
    /// By the size of the corpus.
    Auto,
    /// This many documents.
    At(u64),
}

impl std::str::FromStr for Ceiling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            number => number
                .parse()
                .map(Self::At)
                .map_err(|_| format!("expected auto or a number, got {text:?}")),
        }
    }
}

/// A number or a text, as a configuration file may write a setting.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Number(u64),
    Text(String),
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Ceiling {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Scalar::deserialize(deserializer)?.to_string();
        written.parse().map_err(serde::de::Error::custom)
    }
}

fn orders<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Orders>, D::Error> {
    let written = Scalar::deserialize(deserializer)?.to_string();
    written.parse().map(Some).map_err(serde::de::Error::custom)
}
