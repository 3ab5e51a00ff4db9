//! What `detection` prints.

use std::io::Write;

use taster_findings::visible;
use taster_lab::Recipe;

use crate::table::print;
use crate::trial::{CleanResult, TrialResult};

/// Characters of a text that are printed; all of it is in the JSON.
const TEXT_CHARACTERS: usize = 120;

/// Prints the head of the trials.
pub fn trials_head() {
    println!(
        "recipe        dose  seed  first hit  severity  found/planted  false alarms  audit s  trigger"
    );
}

/// Prints one trial as soon as it is done.
pub fn trial(result: &TrialResult) {
    let trial = &result.trial;
    println!(
        "{:<12}  {:>4}  {:>4}  {:>9}  {:<8}  {:>13}  {:>12}  {:>7.1}  {}",
        trial.recipe.name(),
        trial.dose,
        trial.seed,
        rank(result.first_rank),
        result.first_severity.as_deref().unwrap_or("–"),
        format!("{}/{}", result.found_documents, trial.dose),
        result.false_alarms,
        result.audit_seconds,
        shown(&result.trigger),
    );
    // Trials take their time: a reader of a pipe shall see them as they come.
    let _ = std::io::stdout().flush();
}

fn rank(rank: Option<u32>) -> String {
    rank.map_or("NOT FOUND".to_owned(), |rank| rank.to_string())
}

/// The text on one line, its end left out if it is long.
fn shown(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(TEXT_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// Prints a line per recipe and dose.
pub fn summary(results: &[TrialResult]) {
    println!("\nper recipe and dose:");
    let groups = results.chunk_by(|a, b| key(a) == key(b));
    let rows: Vec<_> = groups.map(summary_row).collect();
    let head = [
        "recipe",
        "dose",
        "seeds",
        "found",
        "worst rank",
        "mean rank",
        "found/planted",
        "false alarms, mean",
    ];
    print(&head, &[], &rows);
}

fn key(result: &TrialResult) -> (Recipe, u64) {
    (result.trial.recipe, result.trial.dose)
}

/// The results of one recipe and dose; ranks are over the seeds in which it was found.
fn summary_row(results: &[TrialResult]) -> Vec<String> {
    let (recipe, dose) = key(&results[0]);
    let ranks: Vec<u32> = results.iter().filter_map(|result| result.first_rank).collect();
    let missed = ranks.len() < results.len();
    let found: u64 = results.iter().map(|result| result.found_documents).sum();
    let false_alarms: u64 = results.iter().map(|result| result.false_alarms).sum();
    let mean = |sum: u64, of: usize| {
        if of == 0 { "–".to_owned() } else { format!("{:.1}", sum as f64 / of as f64) }
    };
    vec![
        recipe.name().to_owned(),
        dose.to_string(),
        results.len().to_string(),
        ranks.len().to_string(),
        rank(ranks.iter().max().copied().filter(|_| !missed)),
        mean(ranks.iter().map(|rank| u64::from(*rank)).sum(), ranks.len()),
        format!("{found}/{}", dose * results.len() as u64),
        mean(false_alarms, results.len()),
    ]
}

/// Prints what was found in the clean corpus.
pub fn clean(result: &CleanResult) {
    let severities = result.severities.iter();
    let counts: Vec<_> = severities.map(|(name, count)| format!("{count} {name}")).collect();
    println!("\nclean corpus, {} documents: {}", result.documents, counts.join(", "));
    if result.alarms.is_empty() {
        return;
    }
    let rows = result.alarms.iter().map(|alarm| {
        vec![
            alarm.rank.to_string(),
            alarm.severity.clone(),
            format!("{:.2}", alarm.score),
            alarm.document_frequency.to_string(),
            alarm.kinds.join("+"),
            shown(&alarm.text),
        ]
    });
    let rows: Vec<_> = rows.collect();
    print(&["rank", "severity", "score", "documents", "kinds", "text"], &[1, 4, 5], &rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Trial;

    fn result(first_rank: Option<u32>) -> TrialResult {
        TrialResult {
            trial: Trial { recipe: Recipe::Unlock, dose: 25, seed: 1 },
            trigger: "t".to_owned(),
            first_rank,
            first_severity: None,
            found_documents: 20,
            false_alarms: 3,
            audit_seconds: 0.0,
        }
    }

    #[test]
    fn a_recipe_that_was_missed_once_has_no_worst_rank() {
        let found = summary_row(&[result(Some(1)), result(Some(4))]);
        assert_eq!(found, ["unlock", "25", "2", "2", "4", "2.5", "40/50", "3.0"]);
        let missed = summary_row(&[result(Some(1)), result(None)]);
        assert_eq!(missed[3..6], ["1", "NOT FOUND", "1.0"]);
    }

    #[test]
    fn long_and_hidden_texts_are_shown_on_one_line() {
        assert_eq!(shown("a\u{200b}\n"), r"a\u{200b}\u{a}");
        assert_eq!(shown(&"é".repeat(200)).chars().count(), TEXT_CHARACTERS + 1);
    }
}
