//! What is said about an audit besides its report, on request: digests of all documents, an
//! in-toto statement, OpenLineage events.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use clap::Args;
use sha2::{Digest, Sha256};
use taster_exchange::lineage::{EventType, Run};
use taster_exchange::statement::{Subject, statement};
use taster_storage::Store;
use taster_tasks::{Audit, AuditRequest, RunFacts};
use uuid::Uuid;

use crate::commands::export::write_to;
use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::absolute_input;
use crate::run_record::{RUN_RECORD, timestamp};
use crate::session::Session;

/// Options of `audit` about provenance.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Provenance")]
pub struct ProvenanceArguments {
    /// Also write documents.parquet: shard, row, id, url and BLAKE3 of every document, by which
    /// `taster diff` finds documents that changed under the same URL. Reads the inputs once more
    #[arg(long)]
    pub documents: bool,
    /// Write an in-toto statement about the output files, to be signed
    #[arg(long, value_name = "FILE|URL")]
    pub statement: Option<String>,
    /// Append OpenLineage events to this file: START, then COMPLETE, FAIL or ABORT
    #[arg(long, value_name = "FILE")]
    pub openlineage: Option<PathBuf>,
}

impl ProvenanceArguments {
    /// Says that the audit begins.
    ///
    /// # Errors
    /// The file for the events cannot be written.
    pub fn begin(
        &self,
        session: &Session<'_>,
        request: &AuditRequest,
        out: &str,
    ) -> Result<(), CliError> {
        let Some(path) = &self.openlineage else {
            return Ok(());
        };
        let run = Run {
            id: Uuid::now_v7().to_string(),
            inputs: request.inputs.iter().map(|input| absolute_input(input)).collect(),
            out: absolute_input(out),
        };
        let lineage = Lineage { path: path.clone(), run };
        lineage.append(EventType::Start)?;
        session.closing.lineage(lineage);
        Ok(())
    }

    /// Writes the statement about the files that the audit wrote.
    ///
    /// # Errors
    /// Trouble with a store.
    pub fn conclude(
        &self,
        session: &Session<'_>,
        audit: &Audit,
        out: &str,
    ) -> Result<(), CliError> {
        let Some(to) = &self.statement else {
            return Ok(());
        };
        let store = Store::open(out, session.runtime)?;
        let record = store.get(RUN_RECORD)?.unwrap_or_default();
        let facts: RunFacts = serde_json::from_slice(&record)
            .map_err(|error| CliError::Internal(format!("{RUN_RECORD}: {error}")))?;
        let subjects: Result<Vec<Subject>, CliError> =
            facts.outputs.iter().map(|file| subject(&store, &file.name, file.bytes)).collect();
        let bytes = statement(&subjects?, &audit.report, env!("CARGO_PKG_VERSION"))?;
        write_to(session, to, bytes)
    }
}

/// Bytes that are digested at once.
const PIECE_BYTES: u64 = 8 << 20;

fn subject(store: &Store, name: &str, bytes: u64) -> Result<Subject, CliError> {
    let mut hasher = Sha256::new();
    let mut at = 0;
    while at < bytes {
        let end = (at + PIECE_BYTES).min(bytes);
        hasher.update(&store.get_range(name, at..end)?);
        at = end;
    }
    let digits = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Subject { name: name.to_owned(), sha256: digits })
}

/// A run whose events are written to a file.
#[derive(Debug, Clone)]
pub struct Lineage {
    path: PathBuf,
    run: Run,
}

impl Lineage {
    /// Says how the run ended.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end(&self, ending: Ending) -> Result<(), CliError> {
        self.append(match ending {
            Ending::Clean | Ending::Findings | Ending::Incomplete => EventType::Complete,
            Ending::Usage | Ending::Infrastructure => EventType::Fail,
            Ending::Interrupted | Ending::Terminated => EventType::Abort,
        })
    }

    fn append(&self, what: EventType) -> Result<(), CliError> {
        let line = self.run.event(what, &timestamp(SystemTime::now()))?;
        append(&self.path, &line).map_err(|source| CliError::File {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

fn append(path: &Path, line: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line)
}
