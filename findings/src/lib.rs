//! From exact counts to findings: the statistics C, N, A and U, their null models, candidates,
//! closed sequences, campaigns, severities, explanations and the report model.
//!
//! Read in this order: [`Summary`] is what is known about one n-gram; [`Scorer`] turns it into
//! [`Scores`]; [`ScoreHistogram`] and [`NullModel`] give each statistic its own empirical null;
//! [`combine`] puts them on one scale; decoys ([`mirror`], [`exchange_sides`]) measure how often chance reaches as
//! high; [`TopK`] keeps the best; [`extend`] closes sequences; [`alike`] follows them over slots;
//! [`group`] makes campaigns; [`Report`] is what a user reads.
//!
//! Everything is a pure function of its arguments and gives the same bits on every machine:
//! logarithms come from `libm`, sums run in a fixed order, collections are ordered. Absent on
//! purpose: files, clocks, threads and random numbers.

mod alphabets;
mod asymmetry;
mod boilerplate;
mod calibration;
mod campaigns;
mod canaries;
mod candidates;
mod closed;
mod code_points;
mod combination;
mod decoys;
mod explain;
mod holding;
mod known;
mod labels;
mod multiple_testing;
mod novelty;
mod payload;
mod place;
mod report;
mod resemblance;
mod scores;
mod severity;
mod slots;
mod spikes;
mod spread;
mod summary;
mod surprisal;
mod surroundings;
mod tails;
#[cfg(test)]
mod twin;
mod visible;

pub use asymmetry::{Asymmetry, Direction, asymmetry};
pub use boilerplate::{BoilerplateEntry, NearlySame, boilerplate_reason, template_place};
pub use calibration::{
    BINS, HistogramError, NullModel, STEPS_PER_UNIT, ScoreHistogram, frequency_bin,
};
pub use campaigns::{Campaign, CampaignMember, Folded, group};
pub use canaries::{CANARY_RANKS, Canaries, Canary, FoundWithin};
pub use candidates::{Candidate, TopK};
pub use closed::{Extension, Window, extend};
pub use code_points::{
    CodePointKind, CodePointReason, CodePointScore, code_points, in_symbol_run, token_code_points,
};
pub use combination::{Calibration, Combined, Evidence, combine, signature_strength};
pub use decoys::{
    DECOY_LEVELS, FalseDiscovery, FalseDiscoveryLevel, LEAST_DECOY, exchange_sides, exchangeable,
    mirror,
};
pub use explain::{Explanation, SharedLabel, Template, explain};
pub use holding::FindingDocument;
pub use known::{KnownSignature, SignatureEntry};
pub use labels::{
    LabelAssociation, label_score, label_surprise, most_associated, shared_label, z_score,
};
pub use multiple_testing::{SIGNIFICANT_Q, benjamini_yekutieli_log10, harmonic_sum};
pub use novelty::{novelty, novelty_lower_bound};
pub use payload::{gibberish, payload};
pub use place::{
    Dispersion, DispersionAccumulator, PlaceScore, place_scores, q_values, same_place_pairs,
};
pub use report::{
    CampaignEntry, Concentration, Finding, Kind, LIMITS, Occurrence, QuarantineEntry, Report,
    SCHEMA_VERSION, Totals, collision_statement, finding_id,
};
pub use resemblance::{LEAST_DOCUMENTS, NearDuplicateCluster, TemplateCoverage, publisher_axis};
pub use scores::{Scorer, Scores};
pub use severity::{Severity, severity};
pub use slots::{Alike, Beside, Slot, alike};
pub use spikes::{TokenSpike, spike};
pub use spread::{Spread, SpreadTable};
pub use summary::{AxisSummary, AxisTotals, CorpusTotals, Summary, TopPlace};
pub use surprisal::{MeasuredDocument, RankedDocument, SurprisalTally, UnusualDocument};
pub use surroundings::{Company, PIECE, Surroundings};
pub use tails::{
    beta_binomial_upper_log10, binomial_upper_log10, hypergeometric_upper_log10, ln_choose,
    ln_gamma,
};
pub use visible::visible;
