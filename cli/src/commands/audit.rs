//! `taster audit`: the embedded audit, from inputs to a report and a verdict.

use std::time::SystemTime;

use taster_findings::{Finding, Severity};
use taster_planning::QuarantineReason;
use taster_storage::Store;
use taster_tasks::{Audit, AuditRequest, write_document_digests};

use crate::arguments::AuditArguments;
use crate::certainty;
use crate::commands::{DEFAULT_MAX_QUARANTINE, canaries};
use crate::configuration::{audit_parameters, resources};
use crate::error::CliError;
use crate::exceptions;
use crate::exit::Ending;
use crate::findings_table::{any_at, listed, summary, summary_line, table};
use crate::locations::{default_work, refuse_output_among};
use crate::progress::Watch;
use crate::quantities::{megabytes_per_second, seconds};
use crate::run_record::RunRecord;
use crate::session::Session;
use crate::settings::OutputFormat;

/// Findings listed although they do not fail the audit.
const LISTED: usize = 50;

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: AuditArguments) -> Result<Ending, CliError> {
    let audit_settings = session.file.below(arguments.audit)?;
    let verdict = session.file.below(arguments.verdict)?;
    let corpus = session.file.below(arguments.corpus)?;
    let screening = session.file.below(arguments.screening)?;
    let machine = session.file.below(arguments.resources)?;
    let missing =
        "out: expected a folder or URL by --out, TASTER_OUT or the configuration file, got none";
    let out = audit_settings.out.ok_or_else(|| CliError::Usage(missing.into()))?;
    refuse_output_among(&arguments.inputs.inputs, &out)?;
    let request = AuditRequest {
        inputs: arguments.inputs.inputs,
        work: corpus.work.clone().unwrap_or_else(|| default_work(&out)),
        parameters: audit_parameters(&corpus, &screening)?,
        resources: resources(&machine)?,
    };
    // A file that cannot be read shall be known before hours of work, not after.
    let exceptions = exceptions::read(session, &verdict)?;
    let provenance = arguments.provenance;
    provenance.begin(session, &request, &out)?;
    let extras = Extras { documents: provenance.documents, canaries: arguments.canaries };
    let audit = carry_out(session, &request, &out, extras)?;
    provenance.conclude(session, &audit, &out)?;
    let outcome = exceptions::tell(session, &exceptions, &audit.report.findings);
    session.closing.summary(summary(&audit.report, &out).with(&outcome));
    let threshold = verdict.fail_on.unwrap_or_default().threshold();
    let mut findings = audit.report.findings.clone();
    findings.retain(|finding| !exceptions.excuse(finding));
    show(session, &audit, &findings, &out, threshold)?;
    if let Some(hint) = hint(&audit) {
        session.log.note(hint);
    }
    let quarantined = audit.report.quarantine.len() as u64;
    let max_quarantine = corpus.max_quarantine.unwrap_or(DEFAULT_MAX_QUARANTINE);
    // The process ends with the command: taking apart a hundred thousand occurrences would only take time.
    std::mem::forget(audit);
    Ok(Ending::of_corpus(any_at(&findings, threshold), quarantined, max_quarantine))
}

/// What to do if nothing at all could be read: most often a setting is wrong, not the corpus.
fn hint(audit: &Audit) -> Option<&'static str> {
    let all = |reason| audit.quarantine.iter().all(|quarantine| quarantine.reason == reason);
    match audit.report.totals.shards {
        0 if all(QuarantineReason::Schema) => Some(
            "no shard could be read: --text-column names the column with the text, and the lines \
             above say which columns there are",
        ),
        0 if all(QuarantineReason::Corrupt) => {
            Some("no shard could be read: are the inputs Parquet files? `taster plan` takes a look")
        }
        _ => None,
    }
}

/// What an audit does beyond its report, if asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    /// Writes `documents.parquet`.
    pub documents: bool,
    /// Plants so many canaries and measures their recall.
    pub canaries: Option<u64>,
}

/// Audits, plants the canaries that are asked for, writes the report (with `documents.parquet`, if it is asked for) and
/// `run.json` to `out`, and says how long it took.
pub fn carry_out(
    session: &Session<'_>,
    request: &AuditRequest,
    out: &str,
    extras: Extras,
) -> Result<Audit, CliError> {
    let started = SystemTime::now();
    let store = Store::open(out, session.runtime)?;
    // A place that cannot be reached shall be known before hours of work, not after.
    store.size("report.json")?;
    let again = format!(
        "run the same command again, it continues with what is committed in {}",
        request.work
    );
    session.closing.resume(again);
    let watch = Watch::new(session.log.clone());
    let audited = taster_tasks::audit(request, session.runtime, &watch);
    let waves = watch.finish();
    let mut audit = audited?;
    if let Some(campaigns) = extras.canaries {
        audit.report.canaries = Some(canaries::measure(session, request, &audit, campaigns)?);
    }
    let mut outputs = audit.write(&store)?;
    if extras.documents {
        let (inputs, parameters) = (&request.inputs, &audit.report.parameters);
        let written =
            write_document_digests(inputs, parameters, &audit.shards, &store, session.runtime)?;
        outputs.push(written);
    }
    for name in outputs.iter().map(|output| output.name.as_str()).chain(["run.json"]) {
        store.clear_leavings(name)?;
    }
    let record = RunRecord::new(request, &audit, outputs, waves, started);
    record.write(&store)?;
    session.closing.summary(summary(&audit.report, out));
    session.log.note(&took(&audit, &record, out));
    Ok(audit)
}

fn took(audit: &Audit, record: &RunRecord, out: &str) -> String {
    let bytes = u64::try_from(audit.report.totals.text_bytes).unwrap_or(0);
    let rate = megabytes_per_second(bytes, record.seconds());
    format!("report in {out} after {}, {rate:.1} MB of text per second", seconds(record.seconds()))
}

fn show(
    session: &Session<'_>,
    audit: &Audit,
    findings: &[Finding],
    out: &str,
    threshold: Option<Severity>,
) -> Result<(), CliError> {
    match session.format {
        OutputFormat::Json => session.terminal.json(&audit.report),
        OutputFormat::Jsonl => {
            findings.iter().try_for_each(|finding| session.terminal.json_line(finding))
        }
        OutputFormat::Table => {
            show_table(session, audit, findings, out, listed(findings, threshold, LISTED))
        }
    }
}

/// The first `limit` of `findings`, what is left out, and the summary.
pub fn show_table(
    session: &Session<'_>,
    audit: &Audit,
    findings: &[Finding],
    out: &str,
    limit: usize,
) -> Result<(), CliError> {
    if !findings.is_empty() {
        session.terminal.table(&table(findings, &audit.occurrences, limit))?;
    }
    if findings.len() > limit {
        session
            .terminal
            .line(&format!("… and {} more in findings.jsonl", findings.len() - limit))?;
    }
    session.terminal.line(&summary_line(&summary(&audit.report, out)))?;
    certainty::lines(&audit.report).iter().try_for_each(|line| session.terminal.line(line))?;
    session.log.note(&next_steps(findings, out));
    Ok(())
}

/// Where a reader goes from the table.
fn next_steps(findings: &[Finding], out: &str) -> String {
    let page = format!("read {}/report.html", out.trim_end_matches('/'));
    match findings.first() {
        Some(first) => format!(
            "next: {page}; taster explain {out} {}; taster export {out} --format ids",
            first.rank
        ),
        None => format!("next: {page}, which says what was looked at and what cannot be seen"),
    }
}
