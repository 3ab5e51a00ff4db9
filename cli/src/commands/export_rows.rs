//! Exports that go by the position of rows: the inputs are read again, shard by shard.

use std::collections::BTreeSet;
use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use taster_exchange::datatrove::{PATHS, RECIPE, Removal, recipe};
use taster_exchange::{ExchangeError, datatrove, dolma};
use taster_ngrams::{Sequences, Tokenizer, tokenizer_named};
use taster_storage::Store;
use taster_tasks::{Reread, TaskError};

use crate::commands::export::Chosen;
use crate::error::CliError;
use crate::findings_arguments::{ExportArguments, ExportFormat};
use crate::session::Session;

/// Writes the folder of a format that has a file for each shard.
pub fn write(
    session: &Session<'_>,
    arguments: &ExportArguments,
    chosen: &Chosen<'_>,
    to: &Store,
) -> Result<(), CliError> {
    let inputs = Some(arguments.inputs.as_slice()).filter(|inputs| !inputs.is_empty());
    let reread = Reread::open(chosen.audit, inputs, session.runtime)?;
    warn_of_quarantine(session, chosen);
    let none = BTreeSet::new();
    let rows = chosen.rows();
    let finder = Finder::new(chosen)?;
    for (rank, key) in reread.keys().enumerate() {
        let removed = rows.get(key).unwrap_or(&none);
        let (name, bytes) = match arguments.format {
            ExportFormat::Dolma => (dolma::path(key), attributes(&reread, key, removed, &finder)?),
            _ => (datatrove::name(rank), positions(&reread, key, removed)?),
        };
        to.replace(&name, Bytes::from(bytes))?;
    }
    if arguments.format == ExportFormat::Datatrove {
        let columns = reread.columns();
        let text = columns.map_or("text", |columns| columns.text.as_str());
        let id = columns.and_then(|columns| columns.id.as_deref());
        let paths: String = reread.keys().map(|key| format!("{key}\n")).collect();
        to.replace(PATHS, Bytes::from(paths))?;
        to.replace(RECIPE, Bytes::from(recipe(text, id, reread.keys().count())))?;
    }
    Ok(())
}

/// Nothing is known of what is in a quarantined shard: it must not pass for clean.
fn warn_of_quarantine(session: &Session<'_>, chosen: &Chosen<'_>) {
    for bad in &chosen.audit.report.quarantine {
        session.log.note(&format!(
            "{} was not audited ({}): nothing is removed of it, leave it out as a whole",
            bad.shard, bad.reason
        ));
    }
}

/// Finds the chosen sequences in a text.
struct Finder {
    sequences: Sequences,
    scores: Vec<f64>,
    tokenizer: &'static dyn Tokenizer,
}

impl Finder {
    fn new(chosen: &Chosen<'_>) -> Result<Self, CliError> {
        let name = &chosen.audit.report.parameters.tokenizer;
        let unknown =
            || CliError::Usage(format!("expected a tokenizer of this version, got {name}"));
        Ok(Self {
            sequences: Sequences::new(chosen.findings.iter().map(|f| f.tokens.as_slice())),
            scores: chosen.findings.iter().map(|finding| finding.score).collect(),
            tokenizer: tokenizer_named(name).ok_or_else(unknown)?,
        })
    }

    fn places(&self, text: &str) -> Vec<(std::ops::Range<usize>, f64)> {
        let found = self.sequences.find(text, self.tokenizer);
        found.into_iter().map(|(finding, place)| (place, self.scores[finding])).collect()
    }
}

/// The attributes of all documents of a shard.
fn attributes(
    reread: &Reread,
    key: &str,
    removed: &BTreeSet<u64>,
    finder: &Finder,
) -> Result<Vec<u8>, CliError> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    reread.rows(key, |batch, index| {
        let text = batch.text(index).unwrap_or_default();
        let is_removed = removed.contains(&batch.row(index));
        let places = if is_removed { finder.places(text) } else { Vec::new() };
        let line = dolma::line(&batch.id(index), text, &places).map_err(|error| refused(&error))?;
        out.write_all(&line).map_err(|error| TaskError::Output(error.to_string()))
    })?;
    out.finish().map_err(|error| CliError::Internal(error.to_string()))
}

/// The positions of the removed documents of a shard.
fn positions(reread: &Reread, key: &str, removed: &BTreeSet<u64>) -> Result<Vec<u8>, CliError> {
    let mut removal = Removal::default();
    reread.rows(key, |batch, index| {
        let is_removed = removed.contains(&batch.row(index));
        removal.row(batch.text(index), is_removed).map_err(|error| refused(&error))
    })?;
    Ok(removal.finish())
}

fn refused(error: &ExchangeError) -> TaskError {
    TaskError::Parameter(error.to_string())
}
