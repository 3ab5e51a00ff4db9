//! `taster diff`: what is new since another audit.

use serde::Serialize;
use taster_exchange::difference::{
    Change, Contents, DocumentChange, FindingChange, ShardChange, findings, shards,
};
use taster_findings::Severity;
use taster_tasks::{FinishedAudit, ShardLine};

use crate::commands::verify::expect_audit;
use crate::error::CliError;
use crate::exit::Ending;
use crate::findings_arguments::DiffArguments;
use crate::findings_table::style;
use crate::quantities::{of, signed_count};
use crate::session::Session;
use crate::settings::{OutputFormat, VerdictSettings};
use crate::table::{Cell, Column, Style, Table};

/// Documents that are listed one by one; all are counted.
const LISTED_DOCUMENTS: usize = 1000;

/// Rows of a table for reading; all stand in JSON.
const SHOWN: usize = 50;

#[derive(Debug, Serialize)]
struct Difference {
    findings: Vec<FindingChange>,
    shards: Vec<ShardChange>,
    /// Absent unless both audits were made with `--documents`.
    documents: Option<DocumentChanges>,
}

#[derive(Debug, Default, Serialize)]
struct DocumentChanges {
    /// Documents whose text is another one for the same URL or id.
    changed: u64,
    /// The first of them, in the order of the new audit.
    listed: Vec<DocumentChange>,
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: &DiffArguments) -> Result<Ending, CliError> {
    let given = VerdictSettings { fail_on: arguments.fail_on, ..VerdictSettings::default() };
    let threshold = session.file.below(given)?.fail_on.unwrap_or_default().threshold();
    for out in [&arguments.old, &arguments.new] {
        expect_audit(session, out)?;
    }
    let old = FinishedAudit::open(&arguments.old, session.runtime)?;
    let new = FinishedAudit::open(&arguments.new, session.runtime)?;
    let difference = Difference {
        findings: findings(&old.report.findings, &new.report.findings),
        shards: shard_changes(&old.shards()?, &new.shards()?),
        documents: document_changes(&old, &new)?,
    };
    if old.report.parameters != new.report.parameters {
        session.log.note(
            "the audits have different parameters: a finding can be new or gone because of them",
        );
    }
    show(session, &difference)?;
    let rises = |threshold| difference.findings.iter().any(|change| change.rises_to(threshold));
    Ok(if threshold.is_some_and(rises) { Ending::Findings } else { Ending::Clean })
}

fn shard_changes(old: &[ShardLine], new: &[ShardLine]) -> Vec<ShardChange> {
    fn texts(lines: &[ShardLine]) -> impl Iterator<Item = (&str, Option<&str>)> {
        lines.iter().map(|line| (line.key.as_str(), line.blake3.as_deref()))
    }
    shards(texts(old), texts(new))
}

/// Split view: the same address, another text.
fn document_changes(
    old: &FinishedAudit,
    new: &FinishedAudit,
) -> Result<Option<DocumentChanges>, CliError> {
    let mut contents = Contents::default();
    if !old.document_digests(|document| contents.add(document.name(), &document.blake3))? {
        return Ok(None);
    }
    contents.sort();
    let mut changes = DocumentChanges::default();
    let compared = new.document_digests(|document| {
        if !contents.has_changed(document.name(), &document.blake3) {
            return;
        }
        changes.changed += 1;
        if changes.listed.len() < LISTED_DOCUMENTS {
            let name = document.name().to_owned();
            let (shard, row, id) = (document.shard, document.row, document.id);
            changes.listed.push(DocumentChange { name, shard, row, id });
        }
    })?;
    Ok(compared.then_some(changes))
}

/// One line of `--output jsonl`.
#[derive(Serialize)]
#[serde(tag = "about", rename_all = "lowercase")]
enum Line<'a> {
    Finding(&'a FindingChange),
    Shard(&'a ShardChange),
    Document(&'a DocumentChange),
}

fn show(session: &Session<'_>, difference: &Difference) -> Result<(), CliError> {
    let terminal = &session.terminal;
    let documents = difference.documents.as_ref();
    let listed = documents.map_or(&[][..], |documents| &documents.listed);
    match session.format {
        OutputFormat::Json => return terminal.json(difference),
        OutputFormat::Jsonl => {
            let lines = difference.findings.iter().map(Line::Finding);
            let lines = lines.chain(difference.shards.iter().map(Line::Shard));
            let mut lines = lines.chain(listed.iter().map(Line::Document));
            return lines.try_for_each(|line| terminal.json_line(&line));
        }
        OutputFormat::Table => {}
    }
    let tables = [
        finding_table(&difference.findings),
        shard_table(&difference.shards),
        document_table(listed),
    ];
    for table in tables.into_iter().flatten() {
        terminal.table(&table)?;
        terminal.line("")?;
    }
    terminal.line(&summary(difference))
}

fn summary(difference: &Difference) -> String {
    let findings = |change| difference.findings.iter().filter(|c| c.change == change).count();
    let shards = |change| difference.shards.iter().filter(|c| c.change == change).count();
    let all = [Change::New, Change::Gone, Change::Changed];
    let told = |count: &dyn Fn(Change) -> usize| {
        let parts = all.map(|change| format!("{} {}", count(change), change.name()));
        parts.join(", ")
    };
    let documents = match &difference.documents {
        None => "documents: not compared (audit with --documents)".to_owned(),
        Some(changes) => {
            format!("{} with another text than before", of(changes.changed, "document"))
        }
    };
    format!("findings: {}; shards: {}; {documents}", told(&findings), told(&shards))
}

fn column(title: &'static str, right: bool, max: usize) -> Column {
    Column { title, right, max }
}

fn finding_table(changes: &[FindingChange]) -> Option<Table> {
    let mut table = Table::new(vec![
        column("finding", false, 8),
        column("id", false, 16),
        column("severity", false, 20),
        column("df", true, 24),
        column("text", false, usize::MAX),
    ]);
    for change in changes.iter().take(SHOWN) {
        let severity =
            arrow(change.old_severity.map(Severity::name), change.new_severity.map(Severity::name));
        let documents =
            arrow(change.old_documents.map(signed_count), change.new_documents.map(signed_count));
        table.row(vec![
            Cell::new(change.change.name()),
            Cell::new(&change.finding_id),
            Cell::styled(severity, change.new_severity.map_or(Style::Faint, style)),
            Cell::new(documents),
            Cell::new(&change.text),
        ]);
    }
    (!changes.is_empty()).then_some(table)
}

/// `before → now`, or the one there is.
fn arrow<T: PartialEq + std::fmt::Display>(old: Option<T>, new: Option<T>) -> String {
    match (old, new) {
        (Some(old), Some(new)) if old != new => format!("{old} → {new}"),
        (_, Some(value)) | (Some(value), None) => value.to_string(),
        (None, None) => String::new(),
    }
}

fn shard_table(changes: &[ShardChange]) -> Option<Table> {
    let mut table = Table::new(vec![column("shard", false, 8), column("key", false, usize::MAX)]);
    for change in changes.iter().take(SHOWN) {
        table.row(vec![Cell::new(change.change.name()), Cell::new(&change.shard)]);
    }
    (!changes.is_empty()).then_some(table)
}

fn document_table(listed: &[DocumentChange]) -> Option<Table> {
    let mut table = Table::new(vec![
        column("document", false, 60),
        column("row", true, 12),
        column("shard", false, usize::MAX),
    ]);
    for change in listed.iter().take(SHOWN) {
        table.row(vec![
            Cell::new(&change.name),
            Cell::new(change.row.to_string()),
            Cell::new(&change.shard),
        ]);
    }
    (!listed.is_empty()).then_some(table)
}
