//! The counting core of Taster: tokens, n-grams and their fingerprints, the exact counting of a
//! segment of documents, the run format, the merge of runs, and the context of n-grams.
//!
//! Everything here is a pure function of its arguments: no I/O, no clock, no randomness, no
//! threads. The order of the modules is the data's way:
//!
//! 1. [`tokenizer`] cuts a document into tokens, [`fingerprint`] hashes n-grams of them;
//! 2. [`segment`] collects documents, [`count`] counts a segment exactly into sorted [`block`]s,
//!    kept in an [`object`] (a *run*);
//! 3. [`frequency`] sums one fingerprint range over all runs and says what of each run matters (the
//!    screen wave); [`merge`] does so n-gram by n-gram, for tables;
//! 4. [`longer`] finds the n-grams of a segment that consist of frequent pairs: those alone are
//!    counted and screened beyond order 2;
//! 5. [`lookup`] and [`context`] find the screened n-grams again in the text and describe where
//!    they stand, as [`posting`]s that the score wave groups;
//! 6. [`sequences`] finds the token sequences of findings in a document again;
//! 7. a [`sketch`] of every document shows which [`clusters`] of them are nearly the same.
//!
//! Absent on purpose: sketches of counts, pruning inside a shard, and any notion of files.

pub mod block;
mod char_class;
pub mod clusters;
pub mod context;
pub mod count;
pub mod fingerprint;
mod frame;
pub mod frequency;
pub mod longer;
pub mod lookup;
pub mod merge;
pub mod object;
pub mod posting;
mod room;
pub mod segment;
pub mod sequences;
pub mod sketch;
pub mod sort;
pub mod stream;
pub mod tokenizer;
mod varint;
mod vocabulary;

pub use fingerprint::Fingerprinter;
pub use segment::Segment;
pub use sequences::Sequences;
pub use tokenizer::{Span, Tokenizer, Words, tokenizer_named};
