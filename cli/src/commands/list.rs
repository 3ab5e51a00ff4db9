//! `taster list` and `taster cancel`: the audits of a coordinator.

use serde_json::{Value, json};
use taster_proto::v1;

use crate::arguments::{CancelArguments, ListArguments};
use crate::commands::watch::name;
use crate::error::CliError;
use crate::exit::Ending;
use crate::quantities::bytes;
use crate::remote::Remote;
use crate::session::Session;
use crate::settings::OutputFormat;
use crate::table::{Cell, Column, Table};

/// Lists all audits, newest first.
pub fn run(session: &Session<'_>, arguments: &ListArguments) -> Result<Ending, CliError> {
    let remote = Remote::new(&arguments.connection, session.runtime)?;
    let (mut audits, mut token) = (Vec::new(), String::new());
    loop {
        let page = remote.list(token)?;
        audits.extend(page.audits);
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    match session.format {
        OutputFormat::Json => {
            session.terminal.json(&audits.iter().map(value).collect::<Vec<_>>())?;
        }
        OutputFormat::Jsonl => {
            audits.iter().try_for_each(|audit| session.terminal.json_line(&value(audit)))?;
        }
        OutputFormat::Table => session.terminal.table(&table(&audits))?,
    }
    Ok(Ending::Clean)
}

/// Ends an audit.
pub fn cancel(session: &Session<'_>, arguments: &CancelArguments) -> Result<Ending, CliError> {
    let remote = Remote::new(&arguments.connection, session.runtime)?;
    let audit = remote.cancel(&arguments.audit)?;
    session.terminal.line(&format!("{}: {}", audit.audit_id, name(audit.state())))?;
    Ok(Ending::Clean)
}

fn value(audit: &v1::Audit) -> Value {
    let stage = |stage: &v1::StageProgress| json!({ "stage": stage.stage, "tasks": stage.tasks, "done": stage.done, "reused": stage.reused });
    json!({
        "audit": audit.audit_id,
        "state": name(audit.state()),
        "reason": audit.reason,
        "inputs": audit.inputs,
        "out": audit.out,
        "shards": audit.shards,
        "text_bytes": audit.text_bytes,
        "submitted_unix_seconds": audit.submitted_unix_seconds,
        "stages": audit.stages.iter().map(stage).collect::<Vec<_>>(),
    })
}

fn table(audits: &[v1::Audit]) -> Table {
    let column = |title, max| Column { title, right: false, max };
    let mut table = Table::new(vec![
        column("audit", 64),
        column("state", 10),
        column("stage", 24),
        column("text", 10),
        column("out", usize::MAX),
    ]);
    for audit in audits {
        let stage = audit.stages.last().map_or(String::new(), |stage| {
            format!("{} {}/{}", stage.stage, stage.done, stage.tasks)
        });
        table.row(vec![
            Cell::new(&audit.audit_id),
            Cell::new(name(audit.state())),
            Cell::new(stage),
            Cell::new(bytes(audit.text_bytes)),
            Cell::new(&audit.out),
        ]);
    }
    table
}
