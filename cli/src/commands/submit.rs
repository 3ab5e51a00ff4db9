//! `taster submit`: an audit on a cluster.

use taster_proto::v1;
use uuid::Uuid;

use crate::arguments::SubmitArguments;
use crate::commands::report::conclude;
use crate::commands::watch::follow;
use crate::configuration::audit_parameters;
use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::{absolute_input, refuse_output_among};
use crate::remote::Remote;
use crate::session::Session;
use crate::settings::OutputFormat;

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: SubmitArguments) -> Result<Ending, CliError> {
    let audit_settings = session.file.below(arguments.audit)?;
    let verdict = session.file.below(arguments.verdict)?;
    let corpus = session.file.below(arguments.corpus)?;
    let screening = session.file.below(arguments.screening)?;
    let missing =
        "out: expected a folder or URL by --out, TASTER_OUT or the configuration file, got none";
    let out = audit_settings.out.clone().ok_or_else(|| CliError::Usage(missing.into()))?;
    refuse_output_among(&arguments.inputs.inputs, &out)?;
    let parameters = serde_json::to_string(&audit_parameters(&corpus, &screening)?)
        .map_err(|error| CliError::Internal(error.to_string()))?;
    let request = v1::SubmitRequest {
        inputs: arguments.inputs.inputs.iter().map(|input| absolute_input(input)).collect(),
        out: absolute_input(&out),
        parameters_json: parameters,
        submission_id: arguments.id.unwrap_or_else(|| Uuid::now_v7().to_string()),
    };
    let remote = Remote::new(&arguments.connection, session.runtime)?;
    let audit = remote.submit(request)?;
    if !arguments.wait {
        return submitted(session, &audit);
    }
    session.log.note(&format!("audit {} is submitted", audit.audit_id));
    let ended = follow(session, &remote, &arguments.connection, &audit.audit_id)?;
    conclude(session, &remote, &ended, &verdict, corpus.max_quarantine)
}

fn submitted(session: &Session<'_>, audit: &v1::Audit) -> Result<Ending, CliError> {
    let id = serde_json::json!({ "audit": audit.audit_id, "out": audit.out });
    match session.format {
        OutputFormat::Json => session.terminal.json(&id)?,
        OutputFormat::Jsonl => session.terminal.json_line(&id)?,
        OutputFormat::Table => session.terminal.line(&audit.audit_id)?,
    }
    session.log.note(&format!("watch it with: taster watch {}", audit.audit_id));
    Ok(Ending::Clean)
}
