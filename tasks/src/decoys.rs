//! The decoys of the score wave: every n-gram with its sides exchanged, of which the best are kept.

use serde::{Deserialize, Serialize};
use taster_findings::{
    Candidate, Company, LEAST_DECOY, Scorer, Scores, Severity, Summary, TopK, asymmetry,
    exchangeable, mirror, novelty,
};
use taster_ngrams::posting::Record;

use crate::outcome::Judge;
use crate::summarize::Summarizer;

/// Decoys per statistic and slice, a fixed 1/256 of all fingerprints: 4096 of each statistic in all, where a report has
/// a thousand findings.
const PER_SLICE: usize = 16;

/// A decoy that may reach a severity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decoy {
    pub candidate: Candidate,
    /// Equal for equal document sets.
    pub documents: u64,
}

/// The best decoys of one slice.
pub(crate) struct Decoys {
    novelty: TopK<Decoy>,
    asymmetry: TopK<Decoy>,
}

impl Default for Decoys {
    fn default() -> Self {
        Self { novelty: TopK::new(PER_SLICE), asymmetry: TopK::new(PER_SLICE) }
    }
}

impl Decoys {
    /// Makes the decoy of an n-gram that was scored, whose postings the summarizer holds.
    pub(crate) fn offer<'a>(
        &mut self,
        target: &Candidate,
        summarizer: &mut Summarizer,
        scorer: &Scorer,
        records: impl Iterator<Item = (u32, Record<'a>)>,
    ) {
        let (fingerprint, mut scores) = (target.fingerprint, target.scores);
        let mut backwards = target.summary.bare();
        mirror(&mut backwards);
        scores.novelty = novelty(&backwards, scores.spread);
        (scores.payload, scores.concentration) = (0.0, 0.0);
        scores.asymmetry = asymmetry(
            &exchanged(fingerprint, &target.summary, &scores, summarizer, scorer),
            scores.spread,
        );
        let novel =
            scores.novelty >= LEAST_DECOY.0 && self.novelty.admits(scores.novelty, fingerprint);
        let weighted = scores.asymmetry.weighted;
        let lopsided = weighted >= LEAST_DECOY.1 && self.asymmetry.admits(weighted, fingerprint);
        if !novel && !lopsided {
            return;
        }
        let candidate = Candidate { fingerprint, summary: target.summary.clone(), scores };
        let decoy = Decoy { candidate, documents: documents_signature(records) };
        if novel {
            self.novelty.insert(scores.novelty, fingerprint, decoy.clone());
        }
        if lopsided {
            self.asymmetry.insert(weighted, fingerprint, decoy);
        }
    }

    /// All of them, each once, by fingerprint.
    pub(crate) fn into_decoys(self) -> Vec<Decoy> {
        let all = [self.novelty, self.asymmetry];
        let all = all.into_iter().flat_map(TopK::into_best_first);
        let mut decoys: Vec<Decoy> = all.map(|(_, _, decoy)| decoy).collect();
        decoys.sort_by_key(|decoy| decoy.candidate.fingerprint);
        decoys.dedup_by_key(|decoy| decoy.candidate.fingerprint);
        decoys
    }
}

/// The summary with its sides exchanged, if that can leave enough of a difference; else the summary without one.
fn exchanged(
    fingerprint: u64,
    summary: &Summary,
    scores: &Scores,
    summarizer: &mut Summarizer,
    scorer: &Scorer,
) -> Summary {
    let (varied_left, varied_right) = if may_differ(summary, scores.spread) {
        let axis = scorer.publisher_axis(summary);
        summarizer.exchanged_sides(fingerprint, axis)
    } else {
        (summary.edf, summary.edf)
    };
    Summary { varied_left, varied_right, ..summary.bare() }
}

/// Whether A of the decoy can reach [`LEAST_DECOY`]: spares counting for most n-grams.
fn may_differ(summary: &Summary, spread: f64) -> bool {
    exchangeable(summary) as f64 * spread >= LEAST_DECOY.1 * summary.edf as f64
}

/// Sum of a hash per document.
fn documents_signature<'a>(records: impl Iterator<Item = (u32, Record<'a>)>) -> u64 {
    let hash = |run: u32, document: u32| {
        let key = u64::from(run) << 32 | u64::from(document);
        let mut half = [0; 8];
        half.copy_from_slice(&blake3::hash(&key.to_le_bytes()).as_bytes()[..8]);
        u64::from_le_bytes(half)
    };
    let of_run = |(run, record): (u32, Record<'a>)| {
        record.postings().map(move |posting| hash(run, posting.document))
    };
    records.flat_map(of_run).fold(0, u64::wrapping_add)
}

/// The severity of every decoy; of those with the same documents, the highest.
pub(crate) fn severities(judge: &Judge, mut decoys: Vec<Decoy>) -> Vec<Severity> {
    decoys.sort_by_key(|decoy| decoy.documents);
    let placed = judge.places(decoys.iter().map(|decoy| &decoy.candidate));
    let judged: Vec<(u64, Severity)> = decoys
        .iter()
        .zip(&placed)
        .map(|(decoy, placed)| {
            let combined = judge.verdict(&decoy.candidate, placed, 0.0, Company::UNKNOWN, 0.0);
            (decoy.documents, combined.severity)
        })
        .collect();
    let same = judged.chunk_by(|a, b| a.0 == b.0);
    same.filter_map(|same| same.iter().map(|(_, severity)| *severity).max()).collect()
}
