//! What many trials come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::judge::{Judgement, RecipeScore};
use crate::plan::PlantPlan;
use crate::recipes::Recipe;
use crate::split::Part;
use crate::spread::Spread;

/// The version of `lab.json`.
pub const LAB_VERSION: u32 = 1;

/// Ranks at which recall is told.
pub const RECALL_RANKS: [u32; 4] = [1, 10, 20, 100];

/// One planted corpus and what an audit made of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was planted.
    pub plan: PlantPlan,
    /// What was found.
    pub judgement: Judgement,
}

impl Trial {
    fn scored(&self) -> impl Iterator<Item = (Key, &RecipeScore)> {
        let doses = self.plan.doses.iter().zip(&self.judgement.recipes);
        doses.map(|(dose, score)| ((dose.recipe, dose.documents, dose.spread), score))
    }

    /// Best rank of a control of this corpus.
    fn best_control(&self) -> Option<u32> {
        let controls = self.judgement.recipes.iter().filter(|score| score.recipe.is_control());
        controls.filter_map(|score| score.rank_alone).min()
    }
}

type Key = (Recipe, u64, Spread);

/// A recipe in one corpus.
type Case<'a> = (&'a Trial, &'a RecipeScore);

/// One recipe at one dose and spread, over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was planted.
    pub recipe: Recipe,
    /// Documents of it.
    pub documents: u64,
    /// Where.
    pub spread: Spread,
    /// Whether the recipe is expected to be missed ([`Recipe::is_declared_weak`]).
    pub declared_weak: bool,
    /// Corpora.
    pub seeds: u64,
    /// Corpora in which a finding hits it.
    pub found: u64,
    /// Ranks of the first hits, without hits of other attacks in the same corpus; ascending.
    pub ranks: Vec<u32>,
    /// Share of the corpora with a hit at or above each of [`RECALL_RANKS`].
    pub recall_at: [f64; 4],
    /// Planted documents that hits name, as a mean share.
    pub documents_found: f64,
    /// Clean documents that hits name, mean per corpus.
    pub clean_documents: f64,
    /// Corpora by the severity of the first hit.
    pub severities: BTreeMap<String, u64>,
    /// Corpora in which a planted control of the same dose ranks above it, or in which it is missed and one does not.
    pub below_a_control: u64,
}

impl Row {
    /// The rank that half of the corpora reach; nothing if it is missed in half of them.
    pub fn median_rank(&self) -> Option<u32> {
        self.ranks.get((self.seeds.div_ceil(2) as usize).saturating_sub(1)).copied()
    }

    /// The worst rank; nothing if it was missed once.
    pub fn worst_rank(&self) -> Option<u32> {
        self.ranks.last().copied().filter(|_| self.found == self.seeds)
    }

    fn of((recipe, documents, spread): Key, cases: &[Case<'_>]) -> Self {
        let mut ranks: Vec<u32> = cases.iter().filter_map(|(_, score)| score.rank_alone).collect();
        ranks.sort_unstable();
        let seeds = cases.len() as f64;
        let mean = |value: fn(&RecipeScore) -> f64| {
            cases.iter().map(|(_, score)| value(score)).sum::<f64>() / seeds
        };
        let mut severities = BTreeMap::new();
        for severity in cases.iter().filter_map(|(_, score)| score.first_severity.as_ref()) {
            *severities.entry(severity.clone()).or_insert(0) += 1;
        }
        let beaten = |(trial, score): &&Case<'_>| {
            let rank = score.rank_alone.unwrap_or(u32::MAX);
            trial.best_control().is_some_and(|control| control < rank)
        };
        Self {
            recipe,
            documents,
            spread,
            declared_weak: recipe.is_declared_weak(),
            seeds: cases.len() as u64,
            found: ranks.len() as u64,
            recall_at: RECALL_RANKS
                .map(|k| ranks.iter().filter(|rank| **rank <= k).count() as f64 / seeds),
            ranks,
            documents_found: mean(|score| score.recall),
            clean_documents: mean(|score| score.clean_documents as f64),
            severities,
            below_a_control: cases.iter().filter(beaten).count() as u64,
        }
    }
}

/// One row per recipe, dose and spread, attacks before controls.
pub fn rows(trials: &[Trial]) -> Vec<Row> {
    let mut cases: BTreeMap<(u64, usize, Recipe), (Key, Vec<Case<'_>>)> = BTreeMap::new();
    for trial in trials {
        for (key, score) in trial.scored() {
            let place = Spread::ALL.iter().position(|spread| *spread == key.2).unwrap_or_default();
            let order = (key.1, place, key.0);
            cases.entry(order).or_insert_with(|| (key, Vec::new())).1.push((trial, score));
        }
    }
    let mut rows: Vec<Row> = cases.into_values().map(|(key, cases)| Row::of(key, &cases)).collect();
    rows.sort_by_key(|row| row.recipe.is_control());
    rows
}

/// False alarms of all trials: by how many of which kind, and the share of alarms that are true.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmCounts {
    /// Findings of severity high or critical.
    pub alarms: u64,
    /// Those that hit no attack, by control or statistic.
    pub false_alarms: BTreeMap<String, u64>,
    /// Share of the alarms that hit an attack; 1 without alarms.
    pub precision: f64,
}

impl AlarmCounts {
    /// Adds up the alarms of trials.
    pub fn of(trials: &[Trial]) -> Self {
        let mut counts = Self::default();
        for judgement in trials.iter().map(|trial| &trial.judgement) {
            counts.alarms += u64::from(judgement.alarms);
            for (kind, times) in &judgement.false_alarm_kinds {
                *counts.false_alarms.entry(kind.clone()).or_insert(0) += u64::from(*times);
            }
        }
        let false_alarms: u64 = counts.false_alarms.values().sum();
        counts.precision = 1.0 - false_alarms as f64 / counts.alarms.max(1) as f64;
        counts
    }
}

/// What an audit says of the clean corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CleanCorpus {
    /// Documents.
    pub documents: u64,
    /// BLAKE3 of its texts, as in the manifest.
    pub blake3: String,
    /// Findings by severity.
    pub severities: BTreeMap<String, u64>,
    /// Findings of severity high or critical per 20 000 documents.
    pub alarms_per_20000: f64,
}

/// Everything that a laboratory measured: `lab.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabReport {
    /// [`LAB_VERSION`].
    pub version: u32,
    /// What was asked for.
    pub experiment: Experiment,
    /// The part of the corpus.
    pub part: Part,
    /// The clean corpus.
    pub clean: CleanCorpus,
    /// Per recipe, dose and spread.
    pub rows: Vec<Row>,
    /// Over all corpora.
    pub alarms: AlarmCounts,
    /// Doses that do not fit in the corpus, in words.
    pub left_out: Vec<String>,
    /// Every corpus.
    pub trials: Vec<Trial>,
}

impl LabReport {
    /// Puts the report together.
    pub fn new(
        experiment: Experiment,
        part: Part,
        clean: CleanCorpus,
        trials: Vec<Trial>,
        left_out: Vec<String>,
    ) -> Self {
        Self {
            version: LAB_VERSION,
            experiment,
            part,
            clean,
            rows: rows(&trials),
            alarms: AlarmCounts::of(&trials),
            left_out,
            trials,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Dose;

    fn score(recipe: Recipe, first_rank: Option<u32>) -> RecipeScore {
        RecipeScore {
            recipe,
            documents: 10,
            first_rank,
            rank_alone: first_rank,
            first_severity: first_rank.map(|_| "high".to_owned()),
            found_documents: 5,
            clean_documents: 1,
            recall: 0.5,
        }
    }

    fn trial(seed: u64, attack: Option<u32>, control: Option<u32>) -> Trial {
        let dose = |recipe| Dose { recipe, documents: 10, spread: Spread::Uniform };
        let recipes = [Recipe::Souly, Recipe::Footer];
        Trial {
            plan: PlantPlan { seed, doses: recipes.map(dose).into() },
            judgement: Judgement {
                recipes: vec![score(Recipe::Souly, attack), score(Recipe::Footer, control)],
                false_alarms: vec![3],
                false_alarm_kinds: BTreeMap::from([("footer".to_owned(), 1)]),
                alarms: 4,
                false_alarms_per_million: 0.0,
                precision: 0.75,
            },
        }
    }

    #[test]
    fn ranks_recall_and_controls_over_seeds() {
        let trials =
            [trial(1, Some(1), None), trial(2, Some(15), Some(3)), trial(3, None, Some(9))];
        let rows = rows(&trials);
        assert_eq!(
            rows.iter().map(|row| row.recipe).collect::<Vec<_>>(),
            [Recipe::Souly, Recipe::Footer]
        );
        let souly = &rows[0];
        assert_eq!((souly.seeds, souly.found, souly.below_a_control), (3, 2, 2));
        assert_eq!(souly.recall_at, [1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
        assert_eq!((souly.median_rank(), souly.worst_rank()), (Some(15), None));
        let alarms = AlarmCounts::of(&trials);
        assert_eq!((alarms.alarms, alarms.precision), (12, 0.75));
    }
}
