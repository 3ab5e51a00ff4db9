//! `taster export`: findings and their documents, as other tools read them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bytes::Bytes;
use taster_exchange::selection::Selection;
use taster_exchange::{ExchangeError, ids, sarif, triggers};
use taster_findings::{Finding, FindingDocument, Severity};
use taster_storage::Store;
use taster_tasks::{FinishedAudit, id_table};

use crate::commands::export_rows;
use crate::commands::verify::expect_audit;
use crate::error::CliError;
use crate::exit::Ending;
use crate::findings_arguments::{ExportArguments, ExportFormat};
use crate::quantities::of;
use crate::session::Session;

/// The file in a folder for NeMo Curator.
const ID_FILE: &str = "ids.parquet";

/// Findings that were chosen, with everything a format can ask of them.
pub struct Chosen<'a> {
    /// The audit.
    pub audit: &'a FinishedAudit,
    /// The findings, by rank.
    pub findings: Vec<&'a Finding>,
    /// All their documents.
    pub documents: Vec<FindingDocument>,
}

impl Chosen<'_> {
    /// Ids of all documents.
    fn ids(&self) -> BTreeSet<&str> {
        self.documents.iter().map(|document| &*document.id).collect()
    }

    /// Rows of all documents, by shard.
    pub fn rows(&self) -> BTreeMap<&str, BTreeSet<u64>> {
        let mut rows: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for document in &self.documents {
            rows.entry(&document.shard).or_default().insert(document.row.cast_unsigned());
        }
        rows
    }

    fn document_count(&self) -> u64 {
        self.rows().values().map(|rows| rows.len() as u64).sum()
    }
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: &ExportArguments) -> Result<Ending, CliError> {
    expect_audit(session, &arguments.out)?;
    session.closing.resume("run the same command again, it writes everything anew".into());
    let audit = FinishedAudit::open(&arguments.out, session.runtime)?;
    let selection = Selection {
        least: arguments.severity.map(Severity::from),
        findings: arguments.finding.clone(),
        campaign: arguments.campaign,
    };
    let findings = selection.choose(&audit.report.findings)?;
    let documents = documents_of(&audit, &findings)?;
    let chosen = Chosen { audit: &audit, findings, documents };
    match arguments.format {
        ExportFormat::Ids => write_file(session, arguments, ids::lines(&chosen.ids())?)?,
        ExportFormat::Sarif => {
            let version = env!("CARGO_PKG_VERSION");
            let occurrences = audit.occurrences()?;
            write_file(
                session,
                arguments,
                sarif::document(&chosen.findings, &occurrences, version)?,
            )?;
        }
        ExportFormat::Triggers => {
            let occurrences = audit.occurrences()?;
            write_file(session, arguments, triggers::lines(&chosen.findings, &occurrences)?)?;
        }
        ExportFormat::Nemo => {
            let column = audit.report.parameters.id_column.as_deref().unwrap_or("id");
            let bytes = id_table(column, &chosen.ids())?;
            folder(session, arguments)?.replace(ID_FILE, bytes)?;
        }
        ExportFormat::Dolma | ExportFormat::Datatrove => {
            let to = folder(session, arguments)?;
            export_rows::write(session, arguments, &chosen, &to)?;
        }
    }
    tell(session, arguments, &chosen);
    Ok(Ending::Clean)
}

fn documents_of(
    audit: &FinishedAudit,
    findings: &[&Finding],
) -> Result<Vec<FindingDocument>, CliError> {
    let chosen: BTreeSet<&str> = findings.iter().map(|f| f.finding_id.as_str()).collect();
    let mut documents = audit.finding_documents()?;
    documents.retain(|document| chosen.contains(&*document.finding_id));
    Ok(documents)
}

fn folder(session: &Session<'_>, arguments: &ExportArguments) -> Result<Store, CliError> {
    let to = arguments.to.as_deref().ok_or_else(|| {
        let format = arguments.format;
        CliError::Usage(format!(
            "to: expected a folder or URL for --format {}, which writes several files; add --to FOLDER",
            name(format)
        ))
    })?;
    Ok(Store::open(to, session.runtime)?)
}

fn name(format: ExportFormat) -> String {
    use clap::ValueEnum;
    format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn write_file(
    session: &Session<'_>,
    arguments: &ExportArguments,
    bytes: Vec<u8>,
) -> Result<(), CliError> {
    match arguments.to.as_deref() {
        None | Some("-") => session.terminal.bytes(&bytes),
        Some(to) => write_to(session, to, bytes),
    }
}

/// Writes a file to a path or URL.
pub fn write_to(session: &Session<'_>, to: &str, bytes: Vec<u8>) -> Result<(), CliError> {
    let (folder, file) = match (to.rsplit_once('/'), to.contains("://")) {
        (Some((folder, file)), true) => (folder.to_owned(), file.to_owned()),
        _ => {
            let path = std::path::absolute(Path::new(to)).unwrap_or_else(|_| to.into());
            let folder = path.parent().unwrap_or(Path::new("/")).display().to_string();
            (folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned())
        }
    };
    if file.is_empty() || to.ends_with('/') || Path::new(to).is_dir() {
        return Err(CliError::Usage(format!("to: expected a file, got the folder {to:?}")));
    }
    Ok(Store::open(&folder, session.runtime)?.replace(&file, Bytes::from(bytes))?)
}

/// What was chosen, and what a person should know before removing it.
fn tell(session: &Session<'_>, arguments: &ExportArguments, chosen: &Chosen<'_>) {
    let all = &chosen.audit.report.findings;
    let where_to = arguments.to.as_deref().map_or(String::new(), |to| format!(" in {to}"));
    session.log.note(&format!(
        "{} of {} with {}{where_to}",
        chosen.findings.len(),
        of(all.len() as u64, "finding"),
        of(chosen.document_count(), "document")
    ));
    if chosen.findings.is_empty() && !all.is_empty() {
        let worst = all.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
        session.log.note(&format!(
            "nothing was chosen: the most severe finding is {worst}; add --severity {worst} or \
             --finding FINDING"
        ));
    }
    let most = chosen.audit.report.parameters.max_findings as usize;
    if all.len() >= most {
        session.log.note(&format!(
            "the report holds its {most} best findings and no more: audit again with \
             --max-findings above {most} to see whether there are others"
        ));
    }
    if matches!(arguments.format, ExportFormat::Ids | ExportFormat::Nemo) {
        warn_of_ids(session, chosen);
    }
}

/// Ids remove what they name: nothing if the corpus has no such column, too much if they are not
/// unique.
fn warn_of_ids(session: &Session<'_>, chosen: &Chosen<'_>) {
    let made_up = |d: &&FindingDocument| *d.id == *format!("{}#{}", d.shard, d.row);
    let made_up = chosen.documents.iter().filter(made_up).count() as u64;
    if made_up > 0 {
        session.log.note(&format!(
            "{} have no id of their own and are named shard#row, which no column of the corpus \
             holds: remove them by position (--format dolma or datatrove)",
            of(made_up, "document")
        ));
    }
    let ids = chosen.ids().len() as u64;
    if ids < chosen.document_count() {
        session.log.note(&format!(
            "{} share {}: ids are not unique here, and removing by id can remove documents that \
             hold no finding; remove them by position (--format dolma or datatrove)",
            of(chosen.document_count(), "document"),
            of(ids, "id")
        ));
    }
}

impl From<ExchangeError> for CliError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Json(detail) => Self::Internal(detail),
            other => Self::Usage(other.to_string()),
        }
    }
}
