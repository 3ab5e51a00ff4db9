//! The score stage, and the step that ends it: which candidates are worth verifying.

use std::sync::Arc;

use taster_findings::{
    Calibration, Candidate, Dispersion, RankedDocument, Scorer, Severity, SurprisalTally,
};
use taster_planning::{DigestBuilder, MergeRange};

use super::{CountedCorpus, Screened, Stage, bytes_of, digest_of};
use crate::asides::Asides;
use crate::choice::{self, choose};
use crate::context::ContextReceipt;
use crate::context_runs::ContextRuns;
use crate::corpus::{Corpus, DocumentOrd};
use crate::count::Run;
use crate::decoys;
use crate::evidence::Target;
use crate::holders::runs_holding;
use crate::near::RunClusters;
use crate::outcome::Judge;
use crate::passes::RunPlaces;
use crate::score::{ScoreReceipt, score};
use crate::screen::ranges;
use crate::sought::{Sought, rated};
use crate::surprisal;
use crate::workspace::Workspace;
use crate::{TaskError, Wave};

/// One task per fingerprint range.
#[derive(Debug)]
pub(crate) struct Scoring {
    screened: Arc<Screened>,
    scorer: Scorer,
    runs: ContextRuns,
    digest: [u8; 32],
    ranges: Vec<MergeRange>,
    /// Run bytes that each task reads, about.
    bytes_each: u64,
    surprisal: SurprisalTally,
}

impl Scoring {
    pub(crate) fn new(
        workspace: &Workspace,
        screened: Arc<Screened>,
        all: &[ContextReceipt],
    ) -> Result<Self, TaskError> {
        let runs: Vec<&Run> = all.iter().flat_map(|context| &context.runs).collect();
        let opened = ContextRuns::open(workspace, runs.iter().copied())?;
        let contexts = digest_of("taster contexts 1", runs.iter().map(|run| &run.output));
        let inputs = DigestBuilder::new("taster score inputs 2");
        let Corpus { digest, totals, .. } = &screened.counts.corpus;
        let labels = totals.label_axis().map_or(0, |axis| axis as u64 + 1);
        let digest = inputs.bytes(&contexts).bytes(digest).number(labels).finish().0;
        let bytes = bytes_of(runs);
        let ranges = ranges(bytes);
        let bytes_each = bytes / ranges.len().max(1) as u64;
        let scorer = Scorer::new(totals.clone());
        let mut surprisal = SurprisalTally::default();
        for (counted, context) in screened.counts.units.iter().zip(all) {
            surprisal.merge(&context.surprisal, counted.unit.shard_ord);
        }
        Ok(Self { screened, scorer, runs: opened, digest, ranges, bytes_each, surprisal })
    }

    /// Fits the nulls and chooses, on up to `threads` threads. Receipts are merged in range order, so the result is the same
    /// however the tasks were scheduled.
    pub(crate) fn collect(
        &self,
        workspace: &Workspace,
        receipts: Vec<ScoreReceipt>,
        threads: usize,
    ) -> Result<Chosen, TaskError> {
        let mut scored = ScoreReceipt::new(self.scorer.totals().axes.len());
        scored.candidates.reserve(receipts.iter().map(|receipt| receipt.candidates.len()).sum());
        receipts.into_iter().for_each(|receipt| scored.merge(receipt));
        let CountedCorpus { corpus, matches, .. } = &*self.screened.counts;
        let totals = &corpus.totals;
        let judge = Judge {
            signatures: rated(&workspace.parameters, matches, corpus),
            calibration: Calibration::fit(&scored.novelty, &scored.asymmetry),
            dispersion: Dispersion::fit(&scored.dispersion, totals),
            tests: scored.ngrams * totals.place_axes(),
            scorer: self.scorer.clone(),
        };
        let most = workspace.parameters.max_findings as usize;
        let decoys = DecoyFacts {
            scored: scored.ngrams,
            severities: decoys::severities(&judge, std::mem::take(&mut scored.decoys)),
        };
        let candidates = choose(&judge, &std::mem::take(&mut scored.candidates), most, threads);
        let mut targets = targets(workspace, &self.screened, &candidates)?;
        let sought = Sought::add(&mut targets, matches, corpus, workspace.parameters.floor);
        let places = RunPlaces::new(&self.screened.counts.units);
        let asides = Asides::add(&mut targets, &judge, &places, &scored);
        let (screened, targets) = (Arc::clone(&self.screened), targets.into());
        let surprising = self.surprisal.ranked(surprisal::LISTED);
        Ok(Chosen { screened, judge, candidates, decoys, targets, sought, asides, surprising })
    }
}

impl Stage for Scoring {
    type Receipt = ScoreReceipt;

    fn wave(&self) -> Wave {
        Wave::Score
    }

    fn tasks(&self) -> usize {
        self.ranges.len()
    }

    fn bytes(&self, _: usize) -> u64 {
        self.bytes_each
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(ScoreReceipt, bool), TaskError> {
        let counts = &self.screened.counts;
        let clusters = RunClusters::new(&counts.corpus.near, &counts.units);
        score(workspace, &self.runs, self.ranges[task], &self.scorer, clusters, &self.digest)
    }
}

/// What is known of the decoys.
#[derive(Debug)]
pub(crate) struct DecoyFacts {
    /// Decoys made.
    pub scored: u64,
    /// Severities of the best of them, one per document set.
    pub severities: Vec<Severity>,
}

/// What is worth verifying.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub screened: Arc<Screened>,
    pub judge: Judge,
    /// Candidates, best first.
    pub candidates: Vec<choice::Chosen>,
    /// What their decoys reach.
    pub decoys: DecoyFacts,
    /// What the evidence wave looks for: one per candidate, then what signatures match besides, then what
    /// lists need.
    pub targets: Arc<[Target]>,
    /// The signatures of the targets.
    pub sought: Sought,
    /// What is listed beside the findings.
    pub asides: Asides,
    /// The documents with the most surprising stretches.
    pub surprising: Vec<RankedDocument>,
}

/// The documents that have to be looked at for each candidate: those of its postings with
/// their duplicates, or all of the runs that hold it where postings do not account for its df.
fn targets(
    workspace: &Workspace,
    screened: &Screened,
    candidates: &[choice::Chosen],
) -> Result<Vec<Target>, TaskError> {
    let places = RunPlaces::new(&screened.counts.units);
    let target = |chosen: &choice::Chosen| {
        let Candidate { fingerprint, summary, .. } = &chosen.candidate;
        let canonical: Vec<DocumentOrd> =
            chosen.documents.iter().map(|&posted| places.document(posted)).collect();
        let mut documents = screened.counts.corpus.with_duplicates(&canonical);
        if (documents.len() as u64) < summary.df {
            let runs = runs_holding(workspace, screened.ranges(), *fingerprint)?;
            documents = runs.into_iter().flat_map(|run| places.all(run)).collect();
        }
        let order = usize::from(summary.order);
        Ok(Target { fingerprint: *fingerprint, order, documents, closes: true })
    };
    candidates.iter().map(target).collect()
}
