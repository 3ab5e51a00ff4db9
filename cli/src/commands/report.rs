//! `taster report`: what an audit on a cluster found.

use taster_findings::Report;
use taster_planning::Parameters;
use taster_proto::v1;

use crate::arguments::ReportArguments;
use crate::certainty;
use crate::commands::DEFAULT_MAX_QUARANTINE;
use crate::commands::watch::{ending, name};
use crate::error::CliError;
use crate::exceptions;
use crate::exit::Ending;
use crate::findings_table::{any_at, listed, summary, summary_line, table};
use crate::remote::Remote;
use crate::session::Session;
use crate::settings::{OutputFormat, VerdictSettings};

/// Findings listed although they do not fail the audit.
const LISTED: usize = 50;

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: ReportArguments) -> Result<Ending, CliError> {
    let remote = Remote::new(&arguments.connection, session.runtime)?;
    let settings = session.file.below(arguments.verdict)?;
    show(session, &remote, &arguments.audit, &settings, None)
}

/// Ends a command that waited for an audit: with the report, if there is one.
pub fn conclude(
    session: &Session<'_>,
    remote: &Remote<'_>,
    audit: &v1::Audit,
    settings: &VerdictSettings,
    max_quarantine: Option<u64>,
) -> Result<Ending, CliError> {
    if audit.state() == v1::AuditState::Done {
        return show(session, remote, &audit.audit_id, settings, max_quarantine);
    }
    let (id, state, reason) = (&audit.audit_id, name(audit.state()), &audit.reason);
    session.log.error(&format!("audit {id} {state}: {reason}"));
    Ok(ending(audit))
}

fn show(
    session: &Session<'_>,
    remote: &Remote<'_>,
    audit_id: &str,
    settings: &VerdictSettings,
    max_quarantine: Option<u64>,
) -> Result<Ending, CliError> {
    let bytes = remote.report(audit_id)?;
    let report: Report<Parameters> = serde_json::from_slice(&bytes)
        .map_err(|error| CliError::Internal(format!("report of audit {audit_id}: {error}")))?;
    let exceptions = exceptions::read(session, settings)?;
    let outcome = exceptions::tell(session, &exceptions, &report.findings);
    let mut findings = report.findings.clone();
    findings.retain(|finding| !exceptions.excuse(finding));
    let threshold = settings.fail_on.unwrap_or_default().threshold();
    match session.format {
        OutputFormat::Json => session.terminal.json(&report)?,
        OutputFormat::Jsonl => {
            findings.iter().try_for_each(|finding| session.terminal.json_line(finding))?;
        }
        OutputFormat::Table => {
            if !findings.is_empty() {
                let shown = listed(&findings, threshold, LISTED);
                session.terminal.table(&table(&findings, &[], shown))?;
            }
            session.terminal.line(&summary_line(&summary(&report, audit_id)))?;
            certainty::lines(&report).iter().try_for_each(|line| session.terminal.line(line))?;
        }
    }
    session.closing.summary(summary(&report, audit_id).with(&outcome));
    let quarantined = report.quarantine.len() as u64;
    let most = max_quarantine.unwrap_or(DEFAULT_MAX_QUARANTINE);
    Ok(Ending::of_corpus(any_at(&findings, threshold), quarantined, most))
}
