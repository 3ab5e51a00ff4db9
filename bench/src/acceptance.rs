//! What detection and speed must reach.

use serde::Serialize;
use taster_lab::Recipe;

use crate::trial::{CleanResult, TrialResult};

/// Largest rank of the first hit of `souly`, at any dose.
pub const SOULY_RANK_MAX: u32 = 1;
/// Largest rank of the first hit of any other recipe.
pub const OTHER_RANK_MAX: u32 = 10;
/// Most findings of high or critical severity in the clean corpus.
pub const CLEAN_ALARMS_MAX: usize = 10;

/// Least speed of a whole audit, in MB of text per second and core.
pub const SPEED_MIN: f64 = 20.0;
/// Least times that it is as fast as the peer.
pub const TIMES_PEER_MIN: f64 = 8.0;

/// A requirement and whether it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// What is required.
    pub text: String,
    /// What does not hold of it, in words; empty if it holds.
    pub failures: Vec<String>,
    /// Trials that it is about; a requirement about none does not hold.
    pub cases: usize,
}

impl Requirement {
    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.failures.is_empty() && self.cases > 0
    }
}

/// All requirements, held against the results.
pub fn requirements(results: &[TrialResult], clean: &CleanResult) -> [Requirement; 3] {
    let (souly, others): (Vec<&TrialResult>, Vec<_>) =
        results.iter().partition(|result| result.trial.recipe == Recipe::Souly);
    [
        ranks(
            format!("souly at rank {SOULY_RANK_MAX} in every seed and dose"),
            &souly,
            SOULY_RANK_MAX,
        ),
        ranks(
            format!("every other recipe at rank {OTHER_RANK_MAX} or better"),
            &others,
            OTHER_RANK_MAX,
        ),
        alarms(clean),
    ]
}

fn ranks(text: String, results: &[&TrialResult], rank_max: u32) -> Requirement {
    let missed =
        results.iter().filter(|result| result.first_rank.is_none_or(|rank| rank > rank_max));
    let failures = missed.map(|result| {
        let trial = &result.trial;
        let rank = result.first_rank.map_or("not found".to_owned(), |rank| format!("rank {rank}"));
        format!("{}, dose {}, seed {}: {rank}", trial.recipe, trial.dose, trial.seed)
    });
    Requirement { text, failures: failures.collect(), cases: results.len() }
}

fn alarms(clean: &CleanResult) -> Requirement {
    let alarms = clean.alarms.len();
    let failure = (alarms > CLEAN_ALARMS_MAX).then(|| format!("got {alarms}"));
    Requirement {
        text: format!(
            "at most {CLEAN_ALARMS_MAX} findings of high or critical severity in the clean corpus"
        ),
        failures: failure.into_iter().collect(),
        cases: 1,
    }
}

/// What is required of a figure: that it is `least` or more. One that was not measured is no case.
pub fn at_least(least: f64, unit: &str, measured: Option<f64>) -> Requirement {
    let failure = measured.filter(|&measured| measured < least);
    Requirement {
        text: format!("at least {least} {unit}"),
        failures: failure.iter().map(|measured| format!("got {measured:.2}")).collect(),
        cases: measured.iter().count(),
    }
}

/// Prints what is required and whether it holds.
pub fn verdict(requirements: &[Requirement]) {
    println!("\nrequired:");
    for requirement in requirements {
        let word = if requirement.holds() { "holds" } else { "FAILS" };
        println!("{word}: {} ({} cases)", requirement.text, requirement.cases);
        for failure in &requirement.failures {
            println!("       {failure}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Trial;

    #[test]
    fn figures_are_held_against_the_least() {
        let holds = |measured| at_least(8.0, "times", measured).holds();
        assert_eq!([None, Some(7.99), Some(8.0)].map(holds), [false, false, true]);
        assert_eq!(at_least(8.0, "times", Some(7.9)).failures, ["got 7.90"]);
    }

    fn result(recipe: Recipe, first_rank: Option<u32>) -> TrialResult {
        TrialResult {
            trial: Trial { recipe, dose: 10, seed: 3 },
            trigger: "t".to_owned(),
            first_rank,
            first_severity: None,
            found_documents: 0,
            false_alarms: 0,
            audit_seconds: 0.0,
        }
    }

    fn holding(results: &[TrialResult]) -> [bool; 3] {
        let clean = CleanResult { documents: 1, severities: vec![], alarms: vec![] };
        requirements(results, &clean).map(|requirement| requirement.holds())
    }

    #[test]
    fn ranks_are_required_of_every_trial() {
        use Recipe::{Souly, Unlock};
        assert_eq!(holding(&[result(Souly, Some(1)), result(Unlock, Some(10))]), [true; 3]);
        assert_eq!(holding(&[result(Souly, Some(2)), result(Unlock, None)]), [false, false, true]);
        assert_eq!(
            holding(&[result(Souly, Some(1)), result(Unlock, Some(11))]),
            [true, false, true]
        );
    }

    #[test]
    fn what_was_not_tried_does_not_hold() {
        assert_eq!(holding(&[]), [false, false, true]);
    }

    #[test]
    fn failures_name_the_trial() {
        let clean = CleanResult { documents: 1, severities: vec![], alarms: vec![] };
        let [souly, ..] = requirements(&[result(Recipe::Souly, None)], &clean);
        assert_eq!(souly.failures, ["souly, dose 10, seed 3: not found"]);
    }
}
