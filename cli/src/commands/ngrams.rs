//! `taster ngrams`: the exact table of all n-grams of one order.

use std::path::Path;

use serde::Serialize;
use taster_planning::Orders;
use taster_tasks::{AuditRequest, NgramsRequest};

use crate::arguments::NgramsArguments;
use crate::commands::DEFAULT_MAX_QUARANTINE;
use crate::configuration::{parameters, resources};
use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::{default_work, refuse_output_among};
use crate::progress::Watch;
use crate::quantities::{count, of};
use crate::session::Session;
use crate::settings::{CorpusSettings, OutputFormat, ScreeningSettings};

/// What is said about the table.
#[derive(Debug, Serialize)]
struct Written {
    out: String,
    rows: u64,
    quarantined_shards: u64,
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: NgramsArguments) -> Result<Ending, CliError> {
    let corpus: CorpusSettings = session.file.below(arguments.corpus)?;
    let machine = session.file.below(arguments.resources)?;
    let out = arguments.out;
    expect_file(&out)?;
    refuse_output_among(&arguments.inputs.inputs, &out.display().to_string())?;
    let orders = Orders { first: arguments.order, last: arguments.order };
    let screening = ScreeningSettings { orders: Some(orders), ..ScreeningSettings::default() };
    let request = NgramsRequest {
        audit: AuditRequest {
            inputs: arguments.inputs.inputs,
            work: corpus.work.clone().unwrap_or_else(|| work_beside(&out)),
            parameters: parameters(&corpus, &screening)?,
            resources: resources(&machine)?,
        },
        order: arguments.order,
        min_df: arguments.min_df,
        by: arguments.by,
    };
    let written = write(session, &request, &out)?;
    show(session, &written)?;
    let max_quarantine = corpus.max_quarantine.unwrap_or(DEFAULT_MAX_QUARANTINE);
    Ok(Ending::of_corpus(false, written.quarantined_shards, max_quarantine))
}

fn expect_file(out: &Path) -> Result<(), CliError> {
    let shown = out.display().to_string();
    match shown.contains("://") {
        true => Err(CliError::Usage(format!("out: expected a file on this machine, got {shown}"))),
        false => Ok(()),
    }
}

fn work_beside(out: &Path) -> String {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    default_work(&folder.unwrap_or(Path::new(".")).display().to_string())
}

fn write(session: &Session<'_>, request: &NgramsRequest, out: &Path) -> Result<Written, CliError> {
    let again = format!(
        "run the same command again, it continues with what is committed in {}",
        request.audit.work
    );
    session.closing.resume(again);
    let watch = Watch::new(session.log.clone());
    let facts = taster_tasks::ngrams(request, out, session.runtime, &watch);
    watch.finish();
    let facts = facts?;
    Ok(Written {
        out: out.display().to_string(),
        rows: facts.rows,
        quarantined_shards: facts.quarantine.len() as u64,
    })
}

fn show(session: &Session<'_>, written: &Written) -> Result<(), CliError> {
    match session.format {
        OutputFormat::Json => session.terminal.json(written),
        OutputFormat::Jsonl => session.terminal.json_line(written),
        OutputFormat::Table => session.terminal.line(&format!(
            "{} in {}; shards quarantined: {}",
            of(written.rows, "row"),
            written.out,
            count(written.quarantined_shards)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_stands_beside_the_table() {
        assert_eq!(work_beside(Path::new("t.parquet")), "./.taster-work");
        assert_eq!(work_beside(Path::new("a/t.parquet")), "a/.taster-work");
    }
}
