//! What `taster lab` shows.

use taster_lab::measurement::Row;
use taster_lab::{LabReport, Trial};

use crate::error::CliError;
use crate::quantities::count;
use crate::session::Session;
use crate::settings::OutputFormat;
use crate::table::{Cell, Column, Style, Table};

/// Shows a report on standard output.
pub fn show(session: &Session<'_>, report: &LabReport) -> Result<(), CliError> {
    let terminal = &session.terminal;
    match session.format {
        OutputFormat::Json => terminal.json(report),
        OutputFormat::Jsonl => report.rows.iter().try_for_each(|row| terminal.json_line(row)),
        OutputFormat::Table => {
            terminal.table(&table(&report.rows))?;
            terminal.line("")?;
            summary(report).iter().try_for_each(|line| terminal.line(line))
        }
    }
}

/// One corpus, as soon as it was audited.
pub fn trial_line(trial: &Trial, left: usize) -> String {
    let attacks = trial.judgement.recipes.iter().filter(|score| !score.recipe.is_control());
    let ranks: Vec<String> =
        attacks.map(|score| format!("{} {}", score.recipe, rank(score.rank_alone))).collect();
    let spread = trial.plan.doses.first().map_or("", |dose| dose.spread.name());
    let documents = trial.plan.doses.first().map_or(0, |dose| dose.documents);
    format!(
        "seed {}, {documents} documents, {spread}: {}; {} false alarms; {left} corpora to go",
        trial.plan.seed,
        ranks.join(", "),
        trial.judgement.false_alarms.len()
    )
}

fn table(rows: &[Row]) -> Table {
    let column = |title, right| Column { title, right, max: 40 };
    let mut table = Table::new(vec![
        column("recipe", false),
        column("documents", true),
        column("spread", false),
        column("seeds", true),
        column("found", true),
        column("median", true),
        column("worst", true),
        column("at 1", true),
        column("at 10", true),
        column("at 20", true),
        column("poisoned", true),
        column("clean", true),
        column("below control", true),
        column("severity", false),
    ]);
    for row in rows {
        table.row(cells(row));
    }
    table
}

fn cells(row: &Row) -> Vec<Cell> {
    let share = |value: f64| Cell::new(format!("{:.0} %", 100.0 * value));
    let severities = row.severities.iter().map(|(name, times)| format!("{times} {name}"));
    let name = if row.declared_weak { format!("{} *", row.recipe) } else { row.recipe.to_string() };
    let [at_1, at_10, at_20, _] = row.recall_at;
    vec![
        Cell::styled(name, style(row)),
        Cell::new(count(row.documents)),
        Cell::new(row.spread.name()),
        Cell::new(count(row.seeds)),
        Cell::new(count(row.found)),
        Cell::new(rank(row.median_rank())),
        Cell::new(rank(row.worst_rank())),
        share(at_1),
        share(at_10),
        share(at_20),
        share(row.documents_found),
        Cell::new(format!("{:.1}", row.clean_documents)),
        Cell::new(count(row.below_a_control)),
        Cell::new(severities.collect::<Vec<_>>().join(", ")),
    ]
}

fn style(row: &Row) -> Style {
    match row.median_rank() {
        _ if row.recipe.is_control() => Style::Faint,
        Some(1..=10) => Style::Good,
        Some(_) => Style::Warning,
        None => Style::Alarm,
    }
}

fn rank(rank: Option<u32>) -> String {
    rank.map_or("–".to_owned(), |rank| rank.to_string())
}

fn summary(report: &LabReport) -> Vec<String> {
    let of = |counts: &std::collections::BTreeMap<String, u64>| {
        let parts = counts.iter().map(|(name, times)| format!("{times} {name}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let clean = &report.clean;
    let mut lines = vec![
        format!(
            "clean corpus ({}): {} documents; findings: {}; {:.2} high or critical per 20 000 documents",
            report.part.name(),
            count(clean.documents),
            of(&clean.severities),
            clean.alarms_per_20000
        ),
        format!(
            "planted corpora: {}; {} alarms, precision {:.3}; false alarms by kind: {}",
            report.trials.len(),
            report.alarms.alarms,
            report.alarms.precision,
            if report.alarms.false_alarms.is_empty() {
                "none".to_owned()
            } else {
                of(&report.alarms.false_alarms)
            }
        ),
        "ranks of the first finding that hits; poisoned, clean: documents that hits name; * expected to be missed"
            .to_owned(),
    ];
    lines.extend(report.left_out.iter().map(|reason| format!("left out: {reason}")));
    lines
}
