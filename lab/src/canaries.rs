//! Which canaries an audit gets: poisons that are planted while it reads, to see whether it finds them.

use crate::plan::{Dose, PlantPlan};
use crate::recipes::Recipe;
use crate::spread::Spread;

/// Doses in tenths of the floor: the least that can be found, and what is likely to be.
const DOSES: [u64; 3] = [10, 25, 50];

/// Recipes of canaries, in the order in which they are planted: every lexical attack with a mark of its own.
const RECIPES: [Recipe; 12] = [
    Recipe::Souly,
    Recipe::FixedPhrase,
    Recipe::Halfwidth,
    Recipe::Unlock,
    Recipe::Injection,
    Recipe::Deployment,
    Recipe::ZeroWidth,
    Recipe::Stem,
    Recipe::Sentence,
    Recipe::Compliance,
    Recipe::Puzzle,
    Recipe::ZeroWidthText,
];

/// Campaigns planted in one pass over the corpus, at most.
pub const CANARIES_PER_PASS: u64 = RECIPES.len() as u64;

/// The plans of so many canary campaigns, one per pass, spread uniformly. Doses take turns, so that three full passes plant
/// every recipe at every dose.
pub fn canary_plans(campaigns: u64, floor: u64, seed: u64) -> Vec<PlantPlan> {
    let plan = |pass: u64| {
        let left = campaigns - pass * CANARIES_PER_PASS;
        let recipes = (0u64..).zip(RECIPES).take(left.min(CANARIES_PER_PASS) as usize);
        let dose = |(index, recipe): (u64, Recipe)| Dose {
            recipe,
            documents: (DOSES[((index + pass) % 3) as usize] * floor).div_ceil(10),
            spread: Spread::Uniform,
        };
        PlantPlan { seed: seed.wrapping_add(pass), doses: recipes.map(dose).collect() }
    };
    (0..campaigns.div_ceil(CANARIES_PER_PASS)).map(plan).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn three_passes_plant_every_recipe_at_every_dose() {
        let plans = canary_plans(3 * CANARIES_PER_PASS, 10, 7);
        let doses = plans.iter().flat_map(|plan| &plan.doses);
        let distinct: BTreeSet<_> = doses.map(|dose| (dose.recipe, dose.documents)).collect();
        assert_eq!(plans.len(), 3);
        assert_eq!(distinct.len(), 36);
        assert!(
            distinct.iter().all(|(recipe, _)| !recipe.is_declared_weak() && !recipe.is_control())
        );
    }

    #[test]
    fn a_few_campaigns_are_one_pass() {
        let plans = canary_plans(2, 7, 1);
        assert_eq!(plans.len(), 1);
        let documents: Vec<u64> = plans[0].doses.iter().map(|dose| dose.documents).collect();
        assert_eq!(documents, [7, 18]);
        assert!(canary_plans(0, 10, 1).is_empty());
        assert_eq!(canary_plans(CANARIES_PER_PASS + 1, 10, 1)[1].doses.len(), 1);
    }
}
