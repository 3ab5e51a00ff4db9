//! `taster plan`: what an audit would read, do and need.

use serde_json::Value;
use taster_tasks::AuditRequest;

use crate::arguments::PlanArguments;
use crate::commands::DEFAULT_MAX_QUARANTINE;
use crate::configuration::{parameters, resources};
use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::default_work;
use crate::quantities::{bytes, count, seconds};
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
        work: corpus.work.clone().unwrap_or_else(|| default_work(".")),
        parameters: parameters(&corpus, &screening)?,
        resources: resources(&machine)?,
    };
    let facts = taster_tasks::plan(&request, session.runtime)?;
    let value =
        serde_json::to_value(&facts).map_err(|error| CliError::Internal(error.to_string()))?;
    match session.format {
        OutputFormat::Json => session.terminal.json(&value)?,
        OutputFormat::Jsonl => session.terminal.json_line(&value)?,
        OutputFormat::Table => session.terminal.table(&table(&value))?,
    }
    let quarantined = value.get("quarantined").map_or(0, number);
    Ok(Ending::of_corpus(
        false,
        quarantined,
        corpus.max_quarantine.unwrap_or(DEFAULT_MAX_QUARANTINE),
    ))
}

/// Quarantined shards are told as a list or as a number.
fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .or_else(|| value.as_array().map(|list| list.len() as u64))
        .unwrap_or(0)
}

fn table(facts: &Value) -> Table {
    let column = |title, right| Column {
        title,
        right,
        max: usize::MAX,
    };
    let mut table = Table::new(vec![column("what", false), column("how much", false)]);
    let mut rows = Vec::new();
    flatten(String::new(), facts, &mut rows);
    for (name, quantity) in rows {
        table.row(vec![Cell::new(name), Cell::new(quantity)]);
    }
    table
}

/// One row per number: names of nested facts are put together.
fn flatten(name: String, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let words = member.replace('_', " ");
                flatten(format!("{name} {words}").trim().to_owned(), value, rows);
            }
        }
        Value::Array(items) if items.is_empty() => rows.push((name, "0".into())),
        Value::Array(items) => items
            .iter()
            .for_each(|item| rows.push((name.clone(), item.to_string()))),
        value => rows.push(quantity(name, value)),
    }
}

/// The unit stands last in a fact's name.
fn quantity(name: String, value: &Value) -> (String, String) {
    match (value.as_u64(), value.as_f64()) {
        (Some(number), _) if name.ends_with("bytes") => (name.replace(" bytes", ""), bytes(number)),
        (_, Some(number)) if name.contains("seconds") => {
            (name.replace("seconds", "time"), seconds(number))
        }
        (Some(number), _) => (name, count(number)),
        _ => (
            name,
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_told_with_their_units() {
        let facts = serde_json::json!({
            "shards": 19, "text_bytes": 171_000_000, "tasks": {"count": 6, "screen": 1},
            "seconds_estimate": 8.55, "quarantined": [],
        });
        let lines = table(&facts).lines(None, false);
        assert_eq!(lines[..2], ["what           how much", "quarantined    0"]);
        for line in [
            "shards         19",
            "tasks count    6",
            "text           171 MB",
            "time estimate  8.6 s",
        ] {
            assert!(lines.iter().any(|told| told == line), "{lines:?}");
        }
        assert_eq!(
            (
                number(&serde_json::json!(3)),
                number(&serde_json::json!([1, 2]))
            ),
            (3, 2)
        );
    }
}
