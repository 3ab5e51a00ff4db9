//! `taster verify`: does everything that an audit claims still hold?

use serde::Serialize;
use taster_storage::Store;
use taster_tasks::Verification;

use crate::configuration::resources;
use crate::error::CliError;
use crate::exit::Ending;
use crate::findings_arguments::VerifyArguments;
use crate::locations::local_folder;
use crate::progress::Watch;
use crate::quantities::of;
use crate::run_record::RUN_RECORD;
use crate::session::Session;
use crate::settings::{OutputFormat, ResourceSettings};
use crate::table::{Cell, Column, Table};

/// What is said about the audit.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    out: &'a str,
    checked_shards: u64,
    checked_outputs: u64,
    checked_findings: u64,
    checked_occurrences: u64,
    checked_documents: u64,
    problems: &'a [String],
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: VerifyArguments) -> Result<Ending, CliError> {
    let given = ResourceSettings { threads: arguments.threads, memory: None };
    let threads = resources(&session.file.below(given)?)?.threads;
    expect_audit(session, &arguments.out)?;
    session.closing.resume("run the same command again, nothing was changed".into());
    let inputs = Some(arguments.inputs.as_slice()).filter(|inputs| !inputs.is_empty());
    let watch = Watch::new(session.log.clone());
    let verified = taster_tasks::verify(&arguments.out, inputs, threads, session.runtime, &watch);
    watch.finish();
    let verification = verified?;
    show(session, &Verdict::new(&arguments.out, &verification))?;
    Ok(if verification.problems.is_empty() { Ending::Clean } else { Ending::Findings })
}

/// Refuses a place that no audit wrote to, before anything is created there.
pub fn expect_audit(session: &Session<'_>, out: &str) -> Result<(), CliError> {
    let is_audit = match local_folder(out) {
        Some(folder) => folder.join(RUN_RECORD).is_file(),
        None => Store::open(out, session.runtime)?.size(RUN_RECORD)?.is_some(),
    };
    match is_audit {
        true => Ok(()),
        false => Err(CliError::Usage(format!(
            "expected the output of an audit in {out}, found no {RUN_RECORD}; `taster audit INPUT --out {out}` makes one"
        ))),
    }
}

impl<'a> Verdict<'a> {
    fn new(out: &'a str, verification: &'a Verification) -> Self {
        Self {
            out,
            checked_shards: verification.checked_shards,
            checked_outputs: verification.checked_outputs,
            checked_findings: verification.checked_findings,
            checked_occurrences: verification.checked_occurrences,
            checked_documents: verification.checked_documents,
            problems: &verification.problems,
        }
    }
}

fn show(session: &Session<'_>, verdict: &Verdict<'_>) -> Result<(), CliError> {
    match session.format {
        OutputFormat::Json => return session.terminal.json(verdict),
        OutputFormat::Jsonl => return session.terminal.json_line(verdict),
        OutputFormat::Table => {}
    }
    if !verdict.problems.is_empty() {
        session.terminal.table(&problems(verdict.problems))?;
    }
    let checked = format!(
        "{}, {}, {}, {} and {} checked",
        of(verdict.checked_shards, "shard"),
        of(verdict.checked_outputs, "output"),
        of(verdict.checked_findings, "finding"),
        of(verdict.checked_documents, "document"),
        of(verdict.checked_occurrences, "occurrence")
    );
    let held = match verdict.problems.len() {
        0 => "everything holds".to_owned(),
        many => format!("{} found", of(many as u64, "problem")),
    };
    session.terminal.line(&format!("{checked}: {held}"))
}

fn problems(problems: &[String]) -> Table {
    let column = Column { title: "problem", right: false, max: usize::MAX };
    let mut table = Table::new(vec![column]);
    for problem in problems {
        table.row(vec![Cell::new(problem)]);
    }
    table
}
