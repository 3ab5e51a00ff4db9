//! The score wave: exact statistics of every screened n-gram of one fingerprint range, and the
//! candidates among them.
//!
//! A candidate is one of the best of its slice (a fixed 1/256 of all fingerprints) by some
//! statistic. Slices do not depend on how ranges are cut, so neither do the candidates.

use serde::{Deserialize, Serialize};
use taster_findings::{Candidate, DispersionAccumulator, ScoreHistogram, Scorer, Scores, TopK};
use taster_ngrams::count::{PARTITIONS, SLICES};
use taster_ngrams::posting::{Record, Records};
use taster_ngrams::sort::BinSort;
use taster_planning::{DigestBuilder, MergeRange};

use crate::TaskError;
use crate::asides::Kept;
use crate::context_runs::ContextRuns;
use crate::decoys::{Decoy, Decoys};
use crate::error::InObject;
use crate::near::{RunClusters, Sightings};
use crate::screen::{FrameRef, Frames, read_slices};
use crate::summarize::{Posted, Summarizer, compact, documents};
use crate::workspace::Workspace;

/// N below this is never a candidate for its novelty.
const MIN_NOVELTY: f64 = 0.05;
/// A below this is never a candidate for its asymmetry.
const MIN_ASYMMETRY: f64 = 0.2;
/// C below this, one chance in ten, is never a candidate for its place.
const MIN_CONCENTRATION: f64 = 1.0;
/// Candidates per statistic and slice.
const PER_SLICE: usize = 48;
/// Payload-likeness below this is never a candidate for it.
const MIN_PAYLOAD: f64 = 0.6;
/// Candidates per slice for their place alone, of which only the clearest are ever looked at.
const PER_SLICE_PLACE: usize = 16;

/// A candidate with the documents that hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Posting {
    pub candidate: Candidate,
    /// Whether a token of it has unusual code points.
    pub unusual: bool,
    /// Canonical documents, ascending.
    #[serde(with = "compact")]
    pub documents: Vec<Posted>,
}

/// What a score task leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScoreReceipt {
    /// n-grams scored.
    pub ngrams: u64,
    #[serde(with = "sparse")]
    pub novelty: ScoreHistogram,
    #[serde(with = "sparse")]
    pub asymmetry: ScoreHistogram,
    pub dispersion: DispersionAccumulator,
    pub candidates: Vec<Posting>,
    pub decoys: Vec<Decoy>,
    /// Single tokens scored.
    pub tokens: u64,
    /// Single tokens that may spike in one place.
    pub spikes: Vec<Posting>,
    /// N-grams that may go with one label.
    pub associations: Vec<Posting>,
}

impl ScoreReceipt {
    pub(crate) fn new(axes: usize) -> Self {
        Self {
            ngrams: 0,
            novelty: ScoreHistogram::new(),
            asymmetry: ScoreHistogram::new(),
            dispersion: DispersionAccumulator::new(axes),
            candidates: Vec::new(),
            decoys: Vec::new(),
            tokens: 0,
            spikes: Vec::new(),
            associations: Vec::new(),
        }
    }

    /// Adds what another range found.
    pub(crate) fn merge(&mut self, other: Self) {
        self.ngrams += other.ngrams;
        self.novelty.merge(&other.novelty);
        self.asymmetry.merge(&other.asymmetry);
        self.dispersion.merge(&other.dispersion);
        self.candidates.extend(other.candidates);
        self.decoys.extend(other.decoys);
        self.tokens += other.tokens;
        self.spikes.extend(other.spikes);
        self.associations.extend(other.associations);
    }
}

/// Scores one range, or finds it scored. The second value says which.
pub(crate) fn score(
    workspace: &Workspace,
    runs: &ContextRuns,
    range: MergeRange,
    scorer: &Scorer,
    clusters: RunClusters<'_>,
    inputs: &[u8; 32],
) -> Result<(ScoreReceipt, bool), TaskError> {
    let digest = DigestBuilder::new("taster score 12")
        .bytes(inputs)
        .number(range.from as u64)
        .number(range.to as u64);
    let key = format!("score/{}/receipt.json", digest.finish().short());
    if let Some(receipt) = workspace.receipt(&key)? {
        return Ok((receipt, true));
    }
    let slices = read_slices(workspace, &runs.opened, range)?;
    let frames = Frames::index(&runs.opened, &slices)?;
    let mut scoring = Scoring::new(scorer, clusters, runs);
    for partition in frames.partitions(0) {
        workspace.proceed()?;
        scoring.partition(partition)?;
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
    payload: TopK<Posting>,
}

impl Best {
    fn new() -> Self {
        let top = || TopK::new(PER_SLICE);
        Self {
            novelty: top(),
            asymmetry: top(),
            unusual: top(),
            concentration: TopK::new(PER_SLICE_PLACE),
            payload: top(),
        }
    }

    /// Every selection with the score that decides there and the least score that enters.
    fn selections(
        &mut self,
        scores: &Scores,
        unusual: bool,
        concentration: f64,
    ) -> [(&mut TopK<Posting>, f64, f64); 5] {
        let least_spread = if unusual { 0.0 } else { f64::INFINITY };
        [
            (&mut self.novelty, scores.novelty, MIN_NOVELTY),
            (&mut self.asymmetry, scores.asymmetry.weighted, MIN_ASYMMETRY),
            (&mut self.unusual, scores.spread, least_spread),
            (&mut self.concentration, concentration, MIN_CONCENTRATION),
            (&mut self.payload, scores.payload, MIN_PAYLOAD),
        ]
    }

    /// Whether some selection takes this candidate if its concentration is `concentration`.
    fn admits(&mut self, candidate: &Candidate, unusual: bool, concentration: f64) -> bool {
        let selections = self.selections(&candidate.scores, unusual, concentration);
        let fingerprint = candidate.fingerprint;
        selections
            .iter()
            .any(|(top, score, least)| score >= least && top.admits(*score, fingerprint))
    }

    fn insert(&mut self, posting: &Posting) {
        let Candidate { fingerprint, scores, .. } = posting.candidate;
        for (top, score, least) in self.selections(&scores, posting.unusual, scores.concentration) {
            if score >= least && top.admits(score, fingerprint) {
                top.insert(score, fingerprint, posting.clone());
            }
        }
    }

    /// All of them, each once, by fingerprint.
    fn into_candidates(self) -> Vec<Posting> {
        let all = [self.novelty, self.asymmetry, self.unusual, self.concentration, self.payload];
        let mut candidates: Vec<Posting> = all
            .into_iter()
            .flat_map(TopK::into_best_first)
            .map(|(_, _, posting)| posting)
            .collect();
        candidates.sort_by_key(|posting| posting.candidate.fingerprint);
        candidates.dedup_by_key(|posting| posting.candidate.fingerprint);
        candidates
    }
}

struct Scoring<'a> {
    scorer: &'a Scorer,
    runs: &'a ContextRuns,
    clusters: RunClusters<'a>,
    summarizer: Summarizer,
    counting: Counting,
    best: Best,
    decoys: Decoys,
    kept: Kept,
    slice: usize,
    receipt: ScoreReceipt,
    found: Vec<Found<'a>>,
    /// Fingerprints of what was found, each with its place there.
    keys: Vec<(u64, u32)>,
    sorted: Vec<(u64, u32)>,
    /// The records of one n-gram.
    same: Vec<Found<'a>>,
    sort: BinSort,
}

/// Which postings of the current n-gram count.
#[derive(Debug, Default)]
struct Counting {
    sightings: Sightings,
    /// Of every posting.
    clusters: Vec<u32>,
    kept: Vec<bool>,
}

/// A record on its way to its n-gram.
#[derive(Clone, Copy)]
struct Found<'a> {
    run: u32,
    record: Record<'a>,
}

impl<'a> Scoring<'a> {
    fn new(scorer: &'a Scorer, clusters: RunClusters<'a>, runs: &'a ContextRuns) -> Self {
        let axes = scorer.totals().axes.len();
        Self {
            scorer,
            runs,
            clusters,
            summarizer: Summarizer::new(axes),
            counting: Counting::default(),
            best: Best::new(),
            decoys: Decoys::default(),
            kept: Kept::default(),
            slice: 0,
            receipt: ScoreReceipt::new(axes),
            found: Vec::new(),
            keys: Vec::new(),
            sorted: Vec::new(),
            same: Vec::new(),
            sort: BinSort::default(),
        }
    }

    fn partition(&mut self, frames: &[FrameRef<'a>]) -> Result<(), TaskError> {
        let slice = frames[0].partition / (PARTITIONS / SLICES);
        if slice != self.slice {
            self.close_slice();
            self.slice = slice;
        }
        self.found.clear();
        for frame in frames {
            let run = frame.run as usize;
            let key = &self.runs.opened[run].key;
            let mut records = Records::new(frame.payload, &self.runs.rows[run]);
            while let Some(record) = records.take().in_object(key)? {
                self.found.push(Found { run: frame.run, record });
            }
        }
        self.each_ngram();
        Ok(())
    }

    /// Brings the records of each n-gram together, in the order of their runs.
    fn each_ngram(&mut self) {
        let keys = self.found.iter().map(|found| found.record.head.fingerprint);
        self.keys.clear();
        self.keys.extend(keys.zip(0..));
        let mut memory = std::mem::take(&mut self.sorted);
        let mut same = std::mem::take(&mut self.same);
        // All begin with the bits of the partition.
        let sorted = self.sort.sort(&self.keys, &mut memory, |key| key.0 << PARTITIONS.ilog2());
        for keys in sorted.chunk_by(|a, b| a.0 == b.0) {
            same.clear();
            same.extend(keys.iter().map(|&(_, at)| self.found[at as usize]));
            self.ngram(&same);
        }
        (self.sorted, self.same) = (memory, same);
    }

    fn ngram(&mut self, records: &[Found<'_>]) {
        self.summarize(records);
        let head = records[0].record.head;
        let totals = self.scorer.totals();
        let summary = self.summarizer.summary(&head, totals, &mut self.receipt.dispersion);
        let scores = self.scorer.score_contexts(&summary);
        self.receipt.ngrams += 1;
        self.receipt.novelty.add(scores.novelty, summary.edf);
        self.receipt.asymmetry.add(scores.asymmetry.weighted, summary.edf);
        let candidate = Candidate { fingerprint: head.fingerprint, summary, scores };
        self.receipt.tokens += u64::from(candidate.summary.order == 1);
        let runs = records.iter().map(|found| (found.run, found.record));
        self.kept.offer(&candidate, self.scorer, runs.clone());
        self.decoys.offer(&candidate, &mut self.summarizer, self.scorer, runs);
        self.offer(candidate, records);
    }

    /// Adds the postings that count to the summarizer.
    fn summarize(&mut self, records: &[Found<'_>]) {
        self.summarizer.clear();
        let Counting { sightings, clusters, kept } = &mut self.counting;
        clusters.clear();
        for found in records {
            let of_run = self.clusters.of_run(found.run);
            let of = |document: u32| of_run.get(document as usize).copied().unwrap_or(0);
            clusters.extend(found.record.postings().map(|posting| of(posting.document)));
        }
        if !sightings.count(clusters, self.clusters.sizes()) {
            records.iter().for_each(|found| self.summarizer.add(&found.record));
            return;
        }
        kept.clear();
        kept.extend(clusters.iter().map(|&cluster| sightings.takes(cluster)));
        let mut rest = kept.as_slice();
        for found in records {
            let (own, others) = rest.split_at(found.record.head.postings as usize);
            self.summarizer.add_some(&found.record, own);
            rest = others;
        }
    }

    /// Offers a candidate without its concentration, which is computed if it can matter.
    fn offer(&mut self, mut candidate: Candidate, records: &[Found<'_>]) {
        let unusual = records[0].record.head.unusual;
        let bound = self.scorer.concentration_bound(&candidate.summary);
        if !self.best.admits(&candidate, unusual, bound) {
            return;
        }
        let concentration = self.scorer.concentration(&candidate.summary);
        candidate.scores.concentration = concentration;
        if self.best.admits(&candidate, unusual, concentration) {
            let runs = records.iter().map(|found| (found.run, found.record));
            self.best.insert(&Posting { candidate, unusual, documents: documents(runs) });
        }
    }

    fn close_slice(&mut self) {
        let best = std::mem::replace(&mut self.best, Best::new());
        self.receipt.candidates.extend(best.into_candidates());
        self.receipt.decoys.extend(std::mem::take(&mut self.decoys).into_decoys());
        std::mem::take(&mut self.kept).into_receipt(&mut self.receipt);
    }

    fn finish(mut self) -> ScoreReceipt {
        self.close_slice();
        self.receipt
    }
}

/// Serialises a histogram as the hexadecimal digits of its occupied cells, which are few.
mod sparse {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use taster_findings::ScoreHistogram;

    pub(super) fn serialize<S: Serializer>(
        histogram: &ScoreHistogram,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
        let bytes = histogram.to_bytes();
        let text: String =
            bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ScoreHistogram, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = bytes(&text)
            .ok_or_else(|| D::Error::custom("expected a histogram in hexadecimal digits"))?;
        ScoreHistogram::from_bytes(&bytes).map_err(D::Error::custom)
    }

    fn bytes(text: &str) -> Option<Vec<u8>> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let half = |digit: u8| char::from(digit).to_digit(16).map(|half| half as u8);
        let byte = |pair: &[u8; 2]| Some(half(pair[0])? << 4 | half(pair[1])?);
        rest.is_empty().then(|| pairs.iter().map(byte).collect())?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn receipts_round_trip() {
        let mut receipt = ScoreReceipt::new(1);
        receipt.novelty.add(0.25, 12);
        receipt.asymmetry.add(-1.0, 1 << 20);
        let text = serde_json::to_string(&receipt).unwrap();
        assert!(text.len() < 20_000, "{}", text.len());
        assert_eq!(serde_json::from_str::<ScoreReceipt>(&text).unwrap(), receipt);
        assert!(serde_json::from_str::<ScoreReceipt>(&text.replacen("5453", "545x", 1)).is_err());
    }
}
