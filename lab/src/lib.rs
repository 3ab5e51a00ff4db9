//! The detection laboratory: poisons of known kind and place, so that an audit's findings can be judged.
//!
//! * [`recipes`]: how each published attack writes one poisoned document; pure.
//! * [`plan`], [`spread`]: how many documents of which recipe, and where they sit; pure.
//! * [`planting`]: two passes over a [`corpus::Corpus`], which leave a planted copy and its [`truth`].
//! * [`mod@enlarge`]: a bigger corpus from a real one, for benchmarks.
//! * [`sample`], [`demo`]: the small real corpus that is shipped with the product.
//! * [`stored`]: corpora in Parquet; [`plant`], [`enlarge`](enlarge()) and [`draw_sample`] from files to files.
//! * [`mod@judge`]: ranks of first hits, recall and false alarms, given truth and findings; pure.
//!
//! Absent: running an audit (the caller does).

pub mod corpus;
pub mod demo;
pub mod enlarge;
pub mod error;
pub mod judge;
pub mod plan;
pub mod planting;
pub mod recipes;
pub mod sample;
mod seeding;
pub mod spread;
pub mod stored;
pub mod truth;
pub mod vocabulary;

pub use demo::demo_sample_files;
pub use enlarge::{Enlarged, enlarge_corpus};
pub use error::LabError;
pub use judge::{Flagged, Judgement, RecipeScore, judge};
pub use plan::{Dose, PlantPlan, demo_plan};
pub use planting::plant_corpus;
pub use recipes::{Marks, PayloadKind, Recipe};
pub use sample::{Draw, sample_corpus};
pub use spread::Spread;
pub use stored::{StoredCorpus, StoredSink, draw_sample, enlarge, plant};
pub use truth::{GroundTruth, Planted, PlantedDocument};
pub use vocabulary::Vocabulary;
