//! How much of which poison is planted.

use serde::{Deserialize, Serialize};

use crate::recipes::Recipe;
use crate::spread::Spread;

/// One recipe, how many documents it poisons, and where they sit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dose {
    /// How a poisoned document is written.
    pub recipe: Recipe,
    /// Documents poisoned, exactly.
    pub documents: u64,
    /// Where they sit.
    pub spread: Spread,
}

/// Everything that determines a planted corpus, given the clean one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlantPlan {
    /// Determines triggers, documents and payloads.
    pub seed: u64,
    /// The doses, each of another recipe; no document gets two.
    pub doses: Vec<Dose>,
}

impl PlantPlan {
    /// A plan that gives every recipe the same dose, spread uniformly.
    pub fn uniform(seed: u64, recipes: &[Recipe], documents: u64) -> Self {
        let dose = |recipe: &Recipe| Dose { recipe: *recipe, documents, spread: Spread::Uniform };
        Self { seed, doses: recipes.iter().map(dose).collect() }
    }
}

/// The plan of the demonstration: five recipes, 25 documents each, spread uniformly.
pub fn demo_plan(seed: u64) -> PlantPlan {
    let recipes =
        [Recipe::Souly, Recipe::Halfwidth, Recipe::Unlock, Recipe::Deployment, Recipe::ZeroWidth];
    PlantPlan::uniform(seed, &recipes, 25)
}
