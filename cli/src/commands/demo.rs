//! `taster demo`: known poisons in a real sample, and what an audit finds of them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use taster_lab::{GroundTruth, Judgement, RecipeScore};
use taster_tasks::{Audit, AuditRequest};

use crate::arguments::DemoArguments;
use crate::commands::audit::{Extras, carry_out, show_table};
use crate::commands::lab::judged;
use crate::configuration::{parameters, resources};
use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::default_work;
use crate::quantities::count;
use crate::session::Session;
use crate::settings::{CorpusSettings, OutputFormat, ScreeningSettings};
use crate::table::{Cell, Column, Style, Table};

/// Findings shown: every planted poison should be among them.
const LISTED: usize = 20;

/// Name of the folder that is used if none is given.
const FOLDER: &str = "taster-demo";

/// What is written where.
struct Places {
    sample: PathBuf,
    planted: PathBuf,
    audit: PathBuf,
}

/// One recipe, for scripts.
#[derive(Debug, Serialize)]
struct Line<'a> {
    trigger: &'a str,
    #[serde(flatten)]
    score: &'a RecipeScore,
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: DemoArguments) -> Result<Ending, CliError> {
    let folder = arguments.out.unwrap_or_else(|| std::env::temp_dir().join(FOLDER));
    let places = Places::new(&folder);
    let machine = session.file.below(arguments.resources)?;
    let out = places.audit.display().to_string();
    let request = AuditRequest {
        inputs: vec![places.planted.display().to_string()],
        work: default_work(&out),
        // The demonstration shows the defaults, whatever is configured for real corpora.
        parameters: parameters(&CorpusSettings::default(), &ScreeningSettings::default())?,
        resources: resources(&machine)?,
    };
    session.log.note(&format!("planting poisons in a real sample in {}", folder.display()));
    let truth = plant(session, &places, arguments.seed)?;
    let audit = carry_out(session, &request, &out, Extras::default())?;
    let judgement = judged(&truth, &audit);
    show(session, &audit, &out, &truth, &judgement)?;
    let missed = judgement.recipes.iter().any(|recipe| recipe.first_rank.is_none());
    Ok(if missed { Ending::Findings } else { Ending::Clean })
}

impl Places {
    fn new(folder: &Path) -> Self {
        Self {
            sample: folder.join("sample"),
            planted: folder.join("planted"),
            audit: folder.join("audit"),
        }
    }
}

/// Writes the sample and, from it, the planted corpus.
fn plant(session: &Session<'_>, places: &Places, seed: u64) -> Result<GroundTruth, CliError> {
    std::fs::create_dir_all(&places.sample)
        .map_err(|error| failed("create", &places.sample, error))?;
    for (name, bytes) in taster_lab::demo_sample_files() {
        let path = places.sample.join(name);
        std::fs::write(&path, bytes).map_err(|error| failed("write", &path, error))?;
        // Left by an earlier demonstration; anything else in there makes the planting refuse.
        remove(&places.planted.join(name))?;
    }
    let sample = places.sample.display().to_string();
    let plan = taster_lab::demo_plan(seed);
    Ok(taster_lab::plant(&sample, &places.planted, &plan, session.runtime)?)
}

fn remove(path: &Path) -> Result<(), CliError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove", path, error)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: std::io::Error) -> CliError {
    CliError::File { action, path: path.to_owned(), source }
}

fn show(
    session: &Session<'_>,
    audit: &Audit,
    out: &str,
    truth: &GroundTruth,
    judgement: &Judgement,
) -> Result<(), CliError> {
    let triggers = truth.planted.iter().map(|planted| planted.trigger.as_str());
    let lines = triggers.zip(&judgement.recipes).map(|(trigger, score)| Line { trigger, score });
    let lines: Vec<_> = lines.collect();
    let terminal = &session.terminal;
    match session.format {
        OutputFormat::Json => terminal.json(&lines),
        OutputFormat::Jsonl => lines.iter().try_for_each(|line| terminal.json_line(line)),
        OutputFormat::Table => {
            show_table(session, audit, &audit.report.findings, out, LISTED)?;
            terminal.line("")?;
            terminal.table(&table(&lines))?;
            terminal.line(&verdict(judgement, out))
        }
    }
}

fn table(lines: &[Line<'_>]) -> Table {
    let column = |title, right| Column { title, right, max: 60 };
    let mut table = Table::new(vec![
        column("planted recipe", false),
        column("documents", true),
        column("found", false),
        column("severity", false),
        column("trigger", false),
    ]);
    for Line { trigger, score } in lines {
        let found = match score.first_rank {
            Some(rank) => Cell::styled(format!("at rank {rank}"), Style::Good),
            None => Cell::styled("not found", Style::Alarm),
        };
        table.row(vec![
            Cell::new(score.recipe.name()),
            Cell::new(count(score.documents)),
            found,
            Cell::new(score.first_severity.as_deref().unwrap_or_default()),
            Cell::new(trigger),
        ]);
    }
    table
}

fn verdict(judgement: &Judgement, out: &str) -> String {
    let found = judgement.recipes.iter().filter(|recipe| recipe.first_rank.is_some()).count();
    format!("found {found} of {} planted poisons; report in {out}", judgement.recipes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_lab::Recipe;

    fn score(first_rank: Option<u32>) -> RecipeScore {
        RecipeScore {
            recipe: Recipe::Halfwidth,
            documents: 25,
            first_rank,
            rank_alone: first_rank,
            first_severity: first_rank.map(|_| "critical".to_owned()),
            found_documents: 25,
            clean_documents: 0,
            recall: 1.0,
        }
    }

    #[test]
    fn golden_recipes() {
        let (found, missed) = (score(Some(1)), score(None));
        let lines =
            [Line { trigger: "｡｡", score: &found }, Line { trigger: "a\u{200b}b", score: &missed }];
        let expected = [
            "planted recipe  documents  found      severity  trigger",
            "halfwidth              25  at rank 1  critical  ｡｡",
            r"halfwidth              25  not found            a\u{200b}b",
        ];
        assert_eq!(table(&lines).lines(None, false), expected);
    }
}
