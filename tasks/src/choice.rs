//! Which candidates are worth verifying.

use std::collections::BTreeSet;

use taster_findings::{Candidate, Combined, Company, Scores};

use crate::dispatch::each;
use crate::outcome::{Judge, Placed};
use crate::score::Posting;
use crate::summarize::Posted;

/// Candidates of which no statistic reaches this on the common scale are not verified: about a
/// thousand n-grams of a clean corpus would.
const LEAST_STRENGTH: f64 = 2.0;

/// Least payload-likeness of what is read for it: three documents in five differ on one side only.
const LEAST_PAYLOAD: f64 = 0.6;

/// Least likeness to gibberish of what is read for it.
const LEAST_GIBBERISH: f64 = 0.5;

/// A candidate that will be verified.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub candidate: Candidate,
    pub placed: Placed,
    pub documents: Vec<Posted>,
}

/// Why a candidate is worth verifying; each reason has its own quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// N or A stand out.
    Context,
    /// Its text decides: unusual code points.
    CodePoints,
    /// Gibberish follows it, but inside one place. Few do: phrases of sites, of which there are thousands, must not take
    /// their room.
    Gibberish,
    /// It stands like a payload, but inside one place.
    Payload,
    /// Only its place stands out: boilerplate until proven otherwise, listed as an appendix.
    Place,
}

impl Reason {
    fn of(combined: &Combined, posting: &Posting) -> Option<Self> {
        let [novelty, asymmetry, ..] = combined.strengths;
        if novelty.max(asymmetry) >= LEAST_STRENGTH {
            return Some(Self::Context);
        }
        if posting.unusual {
            return Some(Self::CodePoints);
        }
        let Scores { payload, gibberish, .. } = posting.candidate.scores;
        let reason = match combined.score >= LEAST_STRENGTH {
            true if gibberish >= LEAST_GIBBERISH => Self::Gibberish,
            true if payload >= LEAST_PAYLOAD => Self::Payload,
            true => Self::Place,
            false => return None,
        };
        Some(reason)
    }

    /// Most candidates that are verified for this reason.
    fn quota(self, max_findings: usize) -> usize {
        match self {
            Self::Context => max_findings,
            Self::CodePoints | Self::Gibberish => max_findings.div_ceil(4),
            Self::Payload => max_findings,
            Self::Place => max_findings.div_ceil(20),
        }
    }
}

impl Chosen {
    fn new(posting: &Posting, placed: &Placed) -> Self {
        Self {
            candidate: posting.candidate.clone(),
            placed: placed.clone(),
            documents: posting.documents.clone(),
        }
    }
}

/// Why a candidate is worth verifying, if it is, and what puts it in order among others of the same reason.
fn rate(judge: &Judge, posting: &Posting, placed: &Placed) -> Option<(Reason, f64)> {
    let combined = judge.verdict(&posting.candidate, placed, 0.0, Company::UNKNOWN, 0.0);
    let reason = Reason::of(&combined, posting)?;
    // Of what has unusual code points the best spread comes first: its score says nothing yet.
    let spread = posting.candidate.scores.spread;
    Some((reason, if reason == Reason::CodePoints { spread } else { combined.score }))
}

/// The candidates worth verifying, best first; looks at them on up to `threads` threads.
pub(crate) fn choose(
    judge: &Judge,
    candidates: &[Posting],
    max_findings: usize,
    threads: usize,
) -> Vec<Chosen> {
    let placed =
        judge.corrected(each(threads, candidates, |posting| judge.scores(&posting.candidate)));
    let placed: Vec<(&Posting, Placed)> = candidates.iter().zip(placed).collect();
    let rates = each(threads, &placed, |(posting, placed)| rate(judge, posting, placed));
    let rated = rates.into_iter().zip(&placed).filter_map(|(rate, (posting, placed))| {
        let (reason, score) = rate?;
        Some((reason, score, *posting, placed))
    });
    let mut rated: Vec<_> = rated.collect();
    rated.sort_by(|a, b| {
        let by_score = a.0.cmp(&b.0).then(b.1.total_cmp(&a.1));
        by_score.then(a.2.candidate.fingerprint.cmp(&b.2.candidate.fingerprint))
    });
    // Both ends of a phrase, and each order at them, have the same documents and become one sequence.
    let mut seen: BTreeSet<&[Posted]> = BTreeSet::new();
    rated.retain(|(reason, _, posting, _)| {
        let is_local = matches!(reason, Reason::Gibberish | Reason::Payload);
        !is_local || seen.insert(&posting.documents)
    });
    let chosen = rated
        .chunk_by(|a, b| a.0 == b.0)
        .flat_map(|same| &same[..same.len().min(same[0].0.quota(max_findings))]);
    chosen.map(|(_, _, posting, placed)| Chosen::new(posting, placed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_findings::{Asymmetry, Direction, Severity, Summary};

    /// The reason of a candidate of this likeness to a payload and to gibberish, whose verdict before it is read is `score`.
    fn reason(payload: f64, gibberish: f64, score: f64) -> Option<Reason> {
        let asymmetry = Asymmetry { unweighted: 0.0, weighted: 0.0, direction: Direction::Forward };
        let (novelty, spread, concentration, scattered) = (0.0, 0.1, 0.0, 0.0);
        let scores =
            Scores { novelty, asymmetry, spread, concentration, payload, gibberish, scattered };
        let summary = Summary {
            order: 2,
            df: 25,
            edf: 25,
            distinct_left: 25,
            distinct_right: 25,
            varied_left: 25,
            varied_right: 25,
            scattered: 0,
            novelty_sum: 0,
            novelty_sum_squares: 0,
            places: Vec::new(),
        };
        let candidate = Candidate { fingerprint: 1, summary, scores };
        let combined = Combined {
            score,
            undemoted: score,
            severity: Severity::Low,
            kinds: Vec::new(),
            strengths: [0.0, 0.0, 0.0, score, 0.0],
            boilerplate: false,
        };
        Reason::of(&combined, &Posting { candidate, unusual: false, documents: Vec::new() })
    }

    #[test]
    fn gibberish_does_not_queue_behind_the_phrases_of_sites() {
        assert_eq!(reason(0.95, 0.0, 4.0), Some(Reason::Payload));
        assert_eq!(reason(0.6, 0.6, 2.1), Some(Reason::Gibberish));
        assert_eq!(reason(0.3, 0.3, 3.0), Some(Reason::Place));
        assert_eq!(reason(0.95, 0.95, 1.9), None);
        assert!(Reason::Gibberish.quota(1000) >= 250);
    }
}
