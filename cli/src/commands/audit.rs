//! `taster audit`: the embedded audit, from inputs to a report and a verdict.

use std::time::SystemTime;

use taster_findings::Severity;
use taster_storage::Store;
use taster_tasks::{Audit, AuditRequest};

use crate::arguments::AuditArguments;
use crate::certainty;
use crate::commands::{DEFAULT_MAX_QUARANTINE, canaries};
use crate::configuration::{parameters, resources};
use crate::error::CliError;
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
        parameters: parameters(&corpus, &screening)?,
        resources: resources(&machine)?,
    };
    let audit = carry_out(session, &request, &out, arguments.canaries)?;
    let threshold = audit_settings.fail_on.unwrap_or_default().threshold();
    show(session, &audit, &out, threshold)?;
    let quarantined = audit.report.quarantine.len() as u64;
    let max_quarantine = corpus.max_quarantine.unwrap_or(DEFAULT_MAX_QUARANTINE);
    Ok(Ending::of_corpus(any_at(&audit.report.findings, threshold), quarantined, max_quarantine))
}

/// Audits, plants the canaries that are asked for, writes the report and `run.json` to `out`, and says how long it took.
pub fn carry_out(
    session: &Session<'_>,
    request: &AuditRequest,
    out: &str,
    canaries: Option<u64>,
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
    if let Some(campaigns) = canaries {
        audit.report.canaries = Some(canaries::measure(session, request, &audit, campaigns)?);
    }
    let outputs = audit.write(&store)?;
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
    out: &str,
    threshold: Option<Severity>,
) -> Result<(), CliError> {
    let findings = &audit.report.findings;
    match session.format {
        OutputFormat::Json => session.terminal.json(&audit.report),
        OutputFormat::Jsonl => {
            findings.iter().try_for_each(|finding| session.terminal.json_line(finding))
        }
        OutputFormat::Table => show_table(session, audit, out, listed(findings, threshold, LISTED)),
    }
}

/// The first `limit` findings, what is left out, and the summary.
pub fn show_table(
    session: &Session<'_>,
    audit: &Audit,
    out: &str,
    limit: usize,
) -> Result<(), CliError> {
    let findings = &audit.report.findings;
    if !findings.is_empty() {
        session.terminal.table(&table(findings, &audit.occurrences, limit))?;
    }
    if findings.len() > limit {
        session
            .terminal
            .line(&format!("… and {} more in findings.jsonl", findings.len() - limit))?;
    }
    session.terminal.line(&summary_line(&summary(&audit.report, out)))?;
    certainty::lines(&audit.report).iter().try_for_each(|line| session.terminal.line(line))
}
