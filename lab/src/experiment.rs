//! Which corpora are planted: recipes × doses × spreads × seeds.

use serde::{Deserialize, Serialize};

use crate::plan::{Dose, PlantPlan};
use crate::recipes::Recipe;
use crate::spread::Spread;

/// What is to be measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Experiment {
    /// Attacks, each measured.
    pub recipes: Vec<Recipe>,
    /// Documents of each, at a time.
    pub doses: Vec<u64>,
    /// Where they sit, at a time.
    pub spreads: Vec<Spread>,
    /// Seeds 1 to this, each another corpus.
    pub seeds: u64,
    /// Attacks planted in one corpus, at least 1; their documents are disjoint.
    pub together: usize,
    /// Whether every corpus also gets every control, at the same dose.
    pub controls: bool,
}

impl Experiment {
    /// One plan per corpus, by spread, dose and seed.
    pub fn plans(&self) -> Vec<PlantPlan> {
        let mut plans = Vec::new();
        for spread in &self.spreads {
            for documents in &self.doses {
                for seed in 1..=self.seeds {
                    let chunks = self.recipes.chunks(self.together.max(1));
                    plans.extend(
                        chunks.map(|recipes| self.plan(recipes, *documents, *spread, seed)),
                    );
                }
            }
        }
        plans
    }

    fn plan(&self, recipes: &[Recipe], documents: u64, spread: Spread, seed: u64) -> PlantPlan {
        let attack = |recipe: &Recipe| Dose { recipe: *recipe, documents, spread };
        let control = |recipe: Recipe| Dose { recipe, documents, spread: natural_spread(recipe) };
        let controls = Recipe::CONTROLS.into_iter().filter(|_| self.controls).map(control);
        PlantPlan { seed, doses: recipes.iter().map(attack).chain(controls).collect() }
    }
}

/// The two halves of a plan whose attacks do not fit in one corpus; nothing if it has one attack only.
pub fn halved(plan: &PlantPlan) -> Option<[PlantPlan; 2]> {
    let (attacks, controls): (Vec<Dose>, Vec<Dose>) =
        plan.doses.iter().partition(|dose| !dose.recipe.is_control());
    let (first, second) = attacks.split_at(attacks.len() / 2);
    let with_controls = |attacks: &[Dose]| PlantPlan {
        seed: plan.seed,
        doses: attacks.iter().chain(&controls).copied().collect(),
    };
    (!first.is_empty()).then(|| [with_controls(first), with_controls(second)])
}

/// Where a control occurs in honest corpora.
fn natural_spread(control: Recipe) -> Spread {
    match control {
        Recipe::Footer | Recipe::Navigation | Recipe::Recrawl | Recipe::NearDuplicate => {
            Spread::OneHost
        }
        _ => Spread::Uniform,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn experiment(together: usize, controls: bool) -> Experiment {
        Experiment {
            recipes: vec![Recipe::Souly, Recipe::Unlock, Recipe::Stem],
            doses: vec![10, 25],
            spreads: vec![Spread::Uniform, Spread::OneHost],
            seeds: 2,
            together,
            controls,
        }
    }

    #[test]
    fn every_combination_is_planned_once() {
        assert_eq!(experiment(1, false).plans().len(), 3 * 2 * 2 * 2);
        let plans = experiment(2, true).plans();
        assert_eq!(plans.len(), 2 * 2 * 2 * 2);
        assert_eq!(plans[0].doses.len(), 2 + Recipe::CONTROLS.len());
        assert_eq!(plans[1].doses.len(), 1 + Recipe::CONTROLS.len());
    }

    #[test]
    fn halves_keep_every_attack_and_all_controls() {
        let plan = &experiment(3, true).plans()[0];
        let [first, second] = halved(plan).unwrap();
        assert_eq!(first.doses.len() + second.doses.len(), 3 + 2 * Recipe::CONTROLS.len());
        assert_eq!(halved(&first), None);
    }
}
