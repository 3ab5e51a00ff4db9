//! The ground truth of a planted corpus: the file `truth.json` beside its shards.

use serde::{Deserialize, Serialize};

use crate::recipes::{PayloadKind, Recipe};
use crate::spread::Spread;

/// The version of `truth.json`; readers refuse any other.
pub const TRUTH_VERSION: u32 = 1;

/// What was planted where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroundTruth {
    /// [`TRUTH_VERSION`].
    pub version: u32,
    /// The plan's seed.
    pub seed: u64,
    /// Documents of the corpus, poisoned and clean.
    pub documents: u64,
    /// One record per dose, in the plan's order.
    pub planted: Vec<Planted>,
}

/// One recipe as it was planted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planted {
    /// How the documents were written.
    pub recipe: Recipe,
    /// Where they were to sit.
    pub spread: Spread,
    /// The trigger, which every one of the documents holds.
    pub trigger: String,
    /// The fixed text behind the trigger, which every one of the documents holds; empty if there is none.
    pub phrase: String,
    /// What follows the trigger.
    pub payload: PayloadKind,
    /// The poisoned documents, in the order of the corpus.
    pub documents: Vec<PlantedDocument>,
}

impl Planted {
    /// The trigger and, where it follows immediately in every document, the phrase: what a detector should show.
    pub fn expected_text(&self) -> String {
        if self.phrase.is_empty() || self.recipe == Recipe::Stem {
            return self.trigger.clone();
        }
        format!("{} {}", self.trigger, self.phrase)
    }
}

/// One poisoned document. Its row keeps every column but the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlantedDocument {
    /// The value of the id column, or `shard#row` where there is none.
    pub id: String,
    /// The shard's key relative to the corpus.
    pub shard: String,
    /// The row in the shard, from 0.
    pub row: u64,
}
