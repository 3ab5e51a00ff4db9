//! The task bodies of an audit and the driver that runs them in one process.
//!
//! Data flows one way: `count` → `screen` and `corpus` → `longer` → `screen` → `context` → `score` → `evidence` →
//! `outcome`. Each task is a pure function
//! of named inputs; its outputs lie under a key that is a digest of both, and its receipt, written
//! last, says that it is done. [`audit`] runs the waves in order; whoever else runs the same tasks
//! gets the same bytes.

mod appendix;
mod around;
mod asides;
mod associations;
mod audit;
mod behind;
mod choice;
mod chunks;
mod context;
mod context_runs;
mod corpus;
mod count;
mod decoys;
mod dispatch;
mod document_digests;
mod documents;
mod error;
mod evidence;
mod finished;
mod holders;
mod id_table;
mod joined;
mod leads;
mod longer;
mod manifest_lines;
mod matcher;
mod memory;
mod named_rows;
mod naming;
mod near;
mod ngrams_table;
mod outcome;
mod outputs;
mod passes;
mod plan;
mod progress;
mod rarity;
mod read_documents;
mod report;
mod request;
mod reread;
mod resemblance;
mod score;
mod screen;
mod screened_run;
mod sealed;
mod segments;
mod shared;
mod sighting;
mod signatures;
mod sketches;
mod slices;
mod sought;
mod stages;
mod stream;
mod summarize;
mod surprisal;
mod text_digest;
mod unusual;
mod verified;
mod verify;
mod workspace;

pub use audit::{Audit, WaveFacts, audit, audit_overlaid};
pub use document_digests::{DocumentDigest, write_document_digests};
pub use error::TaskError;
pub use finished::{FinishedAudit, RunFacts};
pub use id_table::id_table;
pub use manifest_lines::ShardLine;
pub use ngrams_table::{NgramsFacts, NgramsRequest, ngrams};
pub use outputs::WrittenFile;
pub use plan::{PlanFacts, plan};
pub use progress::{Progress, Silent, Wave};
pub use request::{AuditRequest, Resources};
pub use reread::Reread;
pub use segments::tokens_cut;
pub use shared::{AuditFolder, SharedAudit, SharedFacts, SharedRequest, StageSpecs, TaskSpec};
pub use verify::{Verification, verify};
