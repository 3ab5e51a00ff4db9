//! The detection laboratory: poisons of known kind and place, so that an audit's findings can be judged.
//!
//! * [`recipes`]: how each published attack writes one poisoned document; pure.
//! * [`plan`], [`spread`]: how many documents of which recipe, and where they sit; pure.
//! * [`planting`]: two passes over a [`corpus::Corpus`], which leave a planted copy and its [`truth`].
//! * [`mod@enlarge`]: a bigger corpus from a real one, for benchmarks.
//! * [`sample`], [`demo`]: the small real corpus that is shipped with the product.
//! * [`stored`]: corpora in Parquet; [`plant`], [`enlarge`](enlarge()) and [`draw_sample`] from files to files.
//! * [`bed`], [`split`]: one half of a corpus, planted again and again; unchanged shards are linked, not copied.
//! * [`mod@judge`]: ranks of first hits, recall and false alarms, given truth and findings; pure.
//! * [`Ground`], [`PlantedView`]: a corpus that is planted while an audit reads it; [`canaries`]: what an audit plants
//!   to measure itself.
//! * [`experiment`], [`measurement`], [`plot`]: which trials, what they come to, and a picture of it; pure.
//!
//! Absent: running an audit (the caller does).

pub mod bed;
pub mod canaries;
pub mod corpus;
pub mod demo;
pub mod enlarge;
pub mod error;
pub mod experiment;
pub mod judge;
pub mod measurement;
pub mod plan;
pub mod planting;
pub mod plot;
pub mod recipes;
pub mod sample;
mod seeding;
pub mod split;
pub mod spread;
pub mod stored;
mod survey;
pub mod truth;
mod view;
pub mod vocabulary;

pub use bed::Bed;
pub use demo::demo_sample_files;
pub use enlarge::{Enlarged, enlarge_corpus};
pub use error::LabError;
pub use experiment::Experiment;
pub use judge::{Flagged, Judgement, RecipeScore, judge};
pub use measurement::{LabReport, Row, Trial};
pub use plan::{Dose, PlantPlan, demo_plan};
pub use planting::plant_corpus;
pub use recipes::{Form, Marks, PayloadKind, Recipe};
pub use sample::{Draw, sample_corpus};
pub use split::Part;
pub use spread::Spread;
pub use stored::{Columns, StoredCorpus, StoredSink, draw_sample, enlarge, plant};
pub use truth::{GroundTruth, Planted, PlantedDocument};
pub use view::{Ground, PlantedView};
pub use vocabulary::Vocabulary;
