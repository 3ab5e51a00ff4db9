//! `taster verify`: does everything that an audit claims still hold?

use serde::Serialize;
use taster_tasks::Verification;

use crate::arguments::VerifyArguments;
use crate::error::CliError;
use crate::exit::Ending;
use crate::progress::Watch;
use crate::quantities::of;
use crate::session::Session;
use crate::settings::OutputFormat;
use crate::table::{Cell, Column, Table};

/// What is said about the audit.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    out: &'a str,
    checked_findings: u64,
    checked_occurrences: u64,
    problems: &'a [String],
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: VerifyArguments) -> Result<Ending, CliError> {
    session
        .closing
        .resume("run the same command again, it changes nothing".into());
    let inputs = Some(arguments.inputs.as_slice()).filter(|inputs| !inputs.is_empty());
    let watch = Watch::new(session.log.clone());
    let verified = taster_tasks::verify(&arguments.out, inputs, session.runtime, &watch);
    watch.finish();
    let verification = verified?;
    show(session, &Verdict::new(&arguments.out, &verification))?;
    Ok(if verification.problems.is_empty() {
        Ending::Clean
    } else {
        Ending::Findings
    })
}

impl<'a> Verdict<'a> {
    fn new(out: &'a str, verification: &'a Verification) -> Self {
        Self {
            out,
            checked_findings: verification.checked_findings,
            checked_occurrences: verification.checked_occurrences,
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
        "{} and {} checked",
        of(verdict.checked_findings, "finding"),
        of(verdict.checked_occurrences, "occurrence")
    );
    let held = match verdict.problems.len() {
        0 => "everything holds".to_owned(),
        many => format!("{} found", of(many as u64, "problem")),
    };
    session.terminal.line(&format!("{checked}: {held}"))
}

fn problems(problems: &[String]) -> Table {
    let column = Column {
        title: "problem",
        right: false,
        max: usize::MAX,
    };
    let mut table = Table::new(vec![column]);
    for problem in problems {
        table.row(vec![Cell::new(problem)]);
    }
    table
}
