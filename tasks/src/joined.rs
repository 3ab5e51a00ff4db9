//! Verified targets on their way to findings, joined where they turn out to be the same sequence.

use std::collections::{BTreeMap, BTreeSet};

use taster_findings::{Asymmetry, Candidate, Scores, finding_id};

use crate::corpus::{Corpus, DocumentOrd};
use crate::evidence::Target;
use crate::outcome::{Judge, Placed};
use crate::sought::summary;
use crate::verified::Sequence;

/// A verified target on its way to a finding.
pub(crate) struct Verified {
    pub candidate: Candidate,
    pub placed: Placed,
    pub sequence: Sequence,
    pub id: String,
    /// Signatures that it was sought for.
    pub sought: BTreeSet<u32>,
    /// Whether the score wave saw it: N and A say nothing else.
    is_scored: bool,
}

impl Verified {
    pub(crate) fn new(
        candidate: Candidate,
        placed: Placed,
        sequence: Sequence,
        sought: BTreeSet<u32>,
    ) -> Self {
        let id = finding_id(&sequence.tokens);
        Self { candidate, placed, sequence, id, sought, is_scored: true }
    }

    /// What a signature matches and no statistic has chosen.
    pub(crate) fn unscored(
        judge: &Judge,
        corpus: &Corpus,
        target: &Target,
        sequence: Sequence,
        sought: BTreeSet<u32>,
    ) -> Self {
        let summary = summary(corpus, &sequence);
        let scores = judge.scorer.score(&summary);
        let unmeasured = Asymmetry { unweighted: 0.0, weighted: 0.0, ..scores.asymmetry };
        let scores = Scores {
            novelty: 0.0,
            asymmetry: unmeasured,
            payload: 0.0,
            gibberish: 0.0,
            scattered: 0.0,
            ..scores
        };
        let candidate = Candidate { fingerprint: target.fingerprint, summary, scores };
        let placed = judge.places([&candidate].into_iter()).remove(0);
        Self { is_scored: false, ..Self::new(candidate, placed, sequence, sought) }
    }

    /// Takes over what another target says of the same sequence. Each statistic is the best of
    /// theirs, as each looked at its own side.
    fn absorb(&mut self, next: Self) {
        self.sought.extend(&next.sought);
        match (self.is_scored, next.is_scored) {
            (true, true) => {
                let best = best_of(&self.candidate.scores, &next.candidate.scores);
                if next.candidate.scores.novelty > self.candidate.scores.novelty {
                    self.candidate = next.candidate;
                }
                self.candidate.scores = best;
            }
            (true, false) => {}
            (false, true) => {
                let sought = std::mem::take(&mut self.sought);
                *self = Self { sought, ..next };
            }
            (false, false) => {
                if next.sequence.documents.len() > self.sequence.documents.len() {
                    let sought = std::mem::take(&mut self.sought);
                    *self = Self { sought, ..next };
                }
            }
        }
    }
}

/// Targets that turned out to be the same sequence become one: the first and the last n-gram
/// of a long phrase, and what a signature matches of it. Joined as they come, for each holds text.
#[derive(Default)]
pub(crate) struct Joined(BTreeMap<String, Verified>);

impl Joined {
    /// Adds the next target.
    pub(crate) fn add(&mut self, next: Verified) {
        match self.0.get_mut(&next.id) {
            None => drop(self.0.insert(next.id.clone(), next)),
            Some(known) => known.absorb(next),
        }
    }

    /// All sequences, by id.
    pub(crate) fn finish(self) -> Vec<Verified> {
        let mut all: Vec<Verified> = self.0.into_values().collect();
        pass_on(&mut all);
        all
    }
}

/// What a signature matches inside a longer sequence of the same documents, that one matches as well:
/// the shorter will be folded into it.
fn pass_on(verified: &mut [Verified]) {
    type Inner = (Vec<String>, BTreeSet<u32>);
    let mut matching: BTreeMap<Vec<DocumentOrd>, Vec<Inner>> = BTreeMap::new();
    for Verified { sequence, sought, .. } in verified.iter().filter(|v| !v.sought.is_empty()) {
        let same = matching.entry(sequence.documents.clone()).or_default();
        same.push((sequence.tokens.clone(), sought.clone()));
    }
    for Verified { sequence, sought, .. } in verified {
        for (tokens, inner) in matching.get(&sequence.documents).into_iter().flatten() {
            if sequence.tokens.windows(tokens.len()).any(|window| window == tokens) {
                sought.extend(inner);
            }
        }
    }
}

fn best_of(a: &Scores, b: &Scores) -> Scores {
    let asymmetry: Asymmetry =
        if b.asymmetry.weighted > a.asymmetry.weighted { b.asymmetry } else { a.asymmetry };
    Scores {
        novelty: a.novelty.max(b.novelty),
        asymmetry,
        spread: a.spread.max(b.spread),
        concentration: a.concentration.max(b.concentration),
        payload: a.payload.max(b.payload),
        gibberish: a.gibberish.max(b.gibberish),
        scattered: a.scattered.max(b.scattered),
    }
}
