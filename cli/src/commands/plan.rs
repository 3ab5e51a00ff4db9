//! `taster plan`: what an audit would read, do and need; with `--write`, specs of its tasks.

use std::time::SystemTime;

use serde::Serialize;
use taster_storage::Store;
use taster_tasks::{AuditFolder, AuditRequest, PlanFacts, SharedRequest, StageSpecs};

use crate::arguments::PlanArguments;
use crate::commands::DEFAULT_MAX_QUARANTINE;
use crate::configuration::{audit_parameters, resources};
use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::{absolute_input, default_work, refuse_output_among};
use crate::quantities::{bytes, count, of, seconds};
use crate::session::Session;
use crate::settings::{CorpusSettings, OutputFormat};
use crate::table::{Cell, Column, Table};

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: PlanArguments) -> Result<Ending, CliError> {
    let corpus: CorpusSettings = session.file.below(arguments.corpus)?;
    let screening = session.file.below(arguments.screening)?;
    let machine = session.file.below(arguments.resources)?;
    let request = AuditRequest {
        inputs: arguments.inputs.inputs,
        work: corpus
            .work
            .clone()
            .unwrap_or_else(|| default_work(arguments.out.as_deref().unwrap_or("."))),
        parameters: audit_parameters(&corpus, &screening)?,
        resources: resources(&machine)?,
    };
    if arguments.write {
        return write(session, request, arguments.out, arguments.tasks);
    }
    let facts = taster_tasks::plan(&request, session.runtime)?;
    match session.format {
        OutputFormat::Json => session.terminal.json(&facts)?,
        OutputFormat::Jsonl => session.terminal.json_line(&facts)?,
        OutputFormat::Table => session.terminal.table(&table(&facts))?,
    }
    let max_quarantine = corpus.max_quarantine.unwrap_or(DEFAULT_MAX_QUARANTINE);
    Ok(Ending::of_corpus(false, facts.quarantined, max_quarantine))
}

/// A planned audit, as it is listed.
#[derive(Debug, Serialize)]
struct Written<'a> {
    audit: &'a str,
    work: &'a str,
    out: &'a str,
    stages: Vec<StageSpecs>,
}

/// Freezes what is audited and writes the specs of its tasks.
fn write(
    session: &Session<'_>,
    request: AuditRequest,
    out: Option<String>,
    parts: u32,
) -> Result<Ending, CliError> {
    let missing = || CliError::Usage("out: expected a folder or URL with --write, got none".into());
    let out = out.ok_or_else(missing)?;
    refuse_output_among(&request.inputs, &out)?;
    let work = absolute_input(&request.work);
    let shared = SharedRequest {
        inputs: request.inputs.iter().map(|input| absolute_input(input)).collect(),
        out: absolute_input(&out),
        parameters: request.parameters,
        segment_tokens: request.resources.segment_tokens() as u64,
        unit_bytes: request.resources.unit_bytes(),
        submitted_unix_seconds: unix_seconds(),
    };
    let store = Store::open(&work, session.runtime)?;
    let (folder, audit) = AuditFolder::enrol(store, &shared, session.runtime)?;
    let stages = folder.write_specs(&work, &audit, parts)?;
    let written = Written { audit: &audit.0, work: &work, out: &shared.out, stages };
    match session.format {
        OutputFormat::Jsonl => session.terminal.json_line(&written)?,
        OutputFormat::Json | OutputFormat::Table => session.terminal.json(&written)?,
    }
    Ok(Ending::Clean)
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}

fn table(facts: &PlanFacts) -> Table {
    let column = |title| Column { title, right: false, max: usize::MAX };
    let mut table = Table::new(vec![column("an audit would"), column("about")]);
    for (what, quantity) in rows(facts) {
        table.row(vec![Cell::new(what), Cell::new(quantity)]);
    }
    table
}

fn rows(facts: &PlanFacts) -> [(&'static str, String); 9] {
    let shards = format!("{} readable, {} not", count(facts.shards), count(facts.quarantined));
    let units = of(facts.units, "task");
    let tasks = format!(
        "{units} each; screen {}, score {}",
        count(facts.screen_tasks),
        count(facts.score_tasks)
    );
    let requests = format!("{} GET, {} PUT", count(facts.get_requests), count(facts.put_requests));
    let text = format!("{}, {} compressed", bytes(facts.text_bytes), bytes(facts.compressed_bytes));
    [
        ("find shards", shards),
        ("read documents", count(facts.rows)),
        ("read text", text),
        ("look along the axes", facts.axes.join(", ")),
        ("count and describe by", tasks),
        ("make requests", requests),
        ("leave in --work", bytes(facts.work_bytes)),
        ("use memory up to", bytes(facts.memory_bytes)),
        ("take", seconds(facts.seconds)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_plan() {
        let facts = PlanFacts {
            shards: 19,
            quarantined: 1,
            rows: 42_594,
            text_bytes: 171_000_000,
            compressed_bytes: 70_000_000,
            axes: vec!["shard".into(), "ho\u{202e}st".into()],
            units: 20,
            screen_tasks: 4,
            score_tasks: 5,
            get_requests: 1234,
            put_requests: 99,
            work_bytes: 900_000_000,
            memory_bytes: 1 << 32,
            seconds: 8.55,
        };
        let expected = [
            "an audit would         about",
            "find shards            19 readable, 1 not",
            "read documents         42,594",
            "read text              171 MB, 70.0 MB compressed",
            r"look along the axes    shard, ho\u{202e}st",
            "count and describe by  20 tasks each; screen 4, score 5",
            "make requests          1,234 GET, 99 PUT",
            "leave in --work        900 MB",
            "use memory up to       4.29 GB",
            "take                   8.6 s",
        ];
        assert_eq!(table(&facts).lines(None, false), expected);
    }
}
