//! The score wave: exact statistics of every screened n-gram of one fingerprint range, and the
//! candidates among them.
//!
//! A candidate is one of the best of its slice (a fixed 1/256 of all fingerprints) by some
//! statistic. Slices do not depend on how ranges are cut, so neither do the candidates.

use serde::{Deserialize, Serialize};
use taster_findings::{Candidate, DispersionAccumulator, ScoreHistogram, Scorer, TopK};
use taster_ngrams::count::{PARTITIONS, SLICES};
use taster_ngrams::posting::{Record, take_record};
use taster_ngrams::sort::BinSort;
use taster_planning::DigestBuilder;

use crate::TaskError;
use crate::error::InObject;
use crate::screen::{FrameRef, Frames, Range, read_slices};
use crate::summarize::{Posted, Summarizer};
use crate::workspace::{Opened, Workspace};

/// N below this is never a candidate for its novelty.
const MIN_NOVELTY: f64 = 0.05;
/// A below this is never a candidate for its asymmetry.
const MIN_ASYMMETRY: f64 = 0.2;
/// Candidates per statistic and slice.
const PER_SLICE: usize = 48;

/// A candidate with the documents that hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Posting {
    pub candidate: Candidate,
    /// Whether a token of it has unusual code points.
    pub unusual: bool,
    /// Canonical documents, ascending.
    pub documents: Vec<Posted>,
}

/// What a score task leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScoreReceipt {
    /// n-grams scored.
    pub ngrams: u64,
    pub novelty: ScoreHistogram,
    pub asymmetry: ScoreHistogram,
    pub dispersion: DispersionAccumulator,
    pub candidates: Vec<Posting>,
}

impl ScoreReceipt {
    pub(crate) fn new(axes: usize) -> Self {
        Self {
            ngrams: 0,
            novelty: ScoreHistogram::new(),
            asymmetry: ScoreHistogram::new(),
            dispersion: DispersionAccumulator::new(axes),
            candidates: Vec::new(),
        }
    }

    /// Adds what another range found.
    pub(crate) fn merge(&mut self, other: Self) {
        self.ngrams += other.ngrams;
        self.novelty.merge(&other.novelty);
        self.asymmetry.merge(&other.asymmetry);
        self.dispersion.merge(&other.dispersion);
        self.candidates.extend(other.candidates);
    }
}

/// Scores one range, or finds it scored. The second value says which.
pub(crate) fn score(
    workspace: &Workspace,
    runs: &[Opened],
    range: Range,
    scorer: &Scorer,
    context: &[u8; 32],
) -> Result<(ScoreReceipt, bool), TaskError> {
    let digest = DigestBuilder::new("taster score 1").bytes(context).number(range.from as u64).number(range.to as u64);
    let key = format!("score/{}/receipt.json", digest.finish().short());
    if let Some(receipt) = workspace.receipt(&key)? {
        return Ok((receipt, true));
    }
    let slices = read_slices(workspace, runs, range)?;
    let frames = Frames::index(runs, &slices)?;
    let mut scoring = Scoring::new(scorer);
    for partition in frames.partitions(0) {
        scoring.partition(partition, runs)?;
    }
    let receipt = scoring.finish();
    workspace.commit_receipt(&key, &receipt)?;
    Ok((receipt, false))
}

/// The best of one slice, by statistic.
struct Best {
    novelty: TopK<Posting>,
    asymmetry: TopK<Posting>,
    unusual: TopK<Posting>,
    concentration: TopK<Posting>,
}

impl Best {
    fn new() -> Self {
        let top = || TopK::new(PER_SLICE);
        Self { novelty: top(), asymmetry: top(), unusual: top(), concentration: top() }
    }

    /// All of them, each once, by fingerprint.
    fn into_candidates(self) -> Vec<Posting> {
        let all = [self.novelty, self.asymmetry, self.unusual, self.concentration];
        let mut candidates: Vec<Posting> =
            all.into_iter().flat_map(TopK::into_best_first).map(|(_, _, posting)| posting).collect();
        candidates.sort_by_key(|posting| posting.candidate.fingerprint);
        candidates.dedup_by_key(|posting| posting.candidate.fingerprint);
        candidates
    }
}

struct Scoring<'a> {
    scorer: &'a Scorer,
    summarizer: Summarizer,
    best: Best,
    slice: usize,
    receipt: ScoreReceipt,
}

/// A record on its way to its n-gram.
#[derive(Clone, Copy)]
struct Found<'a> {
    run: u32,
    record: Record<'a>,
}

impl<'a> Scoring<'a> {
    fn new(scorer: &'a Scorer) -> Self {
        let axes = scorer.totals().axes.len();
        Self {
            scorer,
            summarizer: Summarizer::new(axes),
            best: Best::new(),
            slice: 0,
            receipt: ScoreReceipt::new(axes),
        }
    }

    fn partition(&mut self, frames: &[FrameRef<'_>], runs: &[Opened]) -> Result<(), TaskError> {
        let slice = frames[0].partition / (PARTITIONS / SLICES);
        if slice != self.slice {
            self.close_slice();
            self.slice = slice;
        }
        let mut found = Vec::new();
        for frame in frames {
            let mut rest = frame.payload;
            while let Some(record) = take_record(&mut rest).in_object(&runs[frame.run as usize].key)? {
                found.push(Found { run: frame.run, record });
            }
        }
        let key = |found: &Found<'_>| found.record.head.fingerprint << PARTITIONS.ilog2();
        let mut memory = Vec::new();
        let sorted = BinSort::default().sort(&found, &mut memory, key);
        for records in sorted.chunk_by(|a, b| a.record.head.fingerprint == b.record.head.fingerprint) {
            self.ngram(records, runs)?;
        }
        Ok(())
    }

    fn ngram(&mut self, records: &[Found<'_>], runs: &[Opened]) -> Result<(), TaskError> {
        self.summarizer.clear();
        for Found { run, record } in records {
            self.summarizer.add(*run, record).in_object(&runs[*run as usize].key)?;
        }
        let head = records[0].record.head;
        let totals = self.scorer.totals();
        let summary = self.summarizer.summary(&head, totals, &mut self.receipt.dispersion);
        let scores = self.scorer.score(&summary);
        self.receipt.ngrams += 1;
        self.receipt.novelty.add(scores.novelty, summary.edf);
        self.receipt.asymmetry.add(scores.asymmetry.weighted, summary.edf);
        let candidate = Candidate { fingerprint: head.fingerprint, summary, scores };
        self.offer(candidate, head.unusual);
        Ok(())
    }

    fn offer(&mut self, candidate: Candidate, unusual: bool) {
        let scores = candidate.scores;
        let fingerprint = candidate.fingerprint;
        let documents = &self.summarizer.documents;
        let posting = || Posting { candidate: candidate.clone(), unusual, documents: documents.clone() };
        let mut offer = |top: &mut TopK<Posting>, score: f64, least: f64| {
            if score >= least && top.admits(score, fingerprint) {
                top.insert(score, fingerprint, posting());
            }
        };
        offer(&mut self.best.novelty, scores.novelty, MIN_NOVELTY);
        offer(&mut self.best.asymmetry, scores.asymmetry.weighted, MIN_ASYMMETRY);
        offer(&mut self.best.concentration, scores.concentration, 1.0);
        if unusual {
            offer(&mut self.best.unusual, scores.spread, 0.0);
        }
    }

    fn close_slice(&mut self) {
        let best = std::mem::replace(&mut self.best, Best::new());
        self.receipt.candidates.extend(best.into_candidates());
    }

    fn finish(mut self) -> ScoreReceipt {
        self.close_slice();
        self.receipt
    }
}
