//! The waves after counting: screen, context, score and evidence, with the global steps between.

use taster_findings::{Calibration, Candidate, Dispersion, Scorer};
use taster_ngrams::context::Rules;
use taster_ngrams::object::Kind;
use taster_planning::DigestBuilder;

use crate::audit::Driver;
use crate::choice::{Chosen, choose};
use crate::context::{ContextReceipt, Located, Screen, describe};
use crate::corpus::{Corpus, Counted, DocumentOrd};
use crate::count::{Output, Run};
use crate::evidence::Target;
use crate::holders::{ScreenedRange, runs_holding};
use crate::outcome::{Judge, Outcome, outcome};
use crate::passes::{RunPlaces, evidence};
use crate::report::Sums;
use crate::score::{ScoreReceipt, score};
use crate::screen::{Range, ScreenReceipt, Thresholds, open_runs, ranges, screen};
use crate::workspace::{Opened, Workspace};
use crate::{TaskError, Wave};

/// Beyond so many tokens random pairs of everyday words have been seen before, and triples tell
/// unseen text better (`THREATS.md` of the design puts the change between 10⁷ and 10⁹).
const NOVELTY_PAIRS_UP_TO_TOKENS: u64 = 1_000_000_000;

/// The order whose n-grams with df = 1 count as unseen text.
fn novelty_order(workspace: &Workspace, tokens: u64) -> u8 {
    let triples = tokens > NOVELTY_PAIRS_UP_TO_TOKENS && *workspace.orders().end() >= 3;
    if triples { 3 } else { 2 }
}

/// The screened corpus.
pub(crate) struct Merged {
    thresholds: Thresholds,
    /// The screened objects of all ranges, in range order.
    screened: Vec<ScreenedRange>,
    digest: [u8; 32],
    sums: Sums,
}

/// The judged corpus.
pub(crate) struct Judged {
    pub sums: Sums,
    pub outcome: Outcome,
}

fn digest_of<'a>(domain: &str, outputs: impl Iterator<Item = &'a Output>) -> [u8; 32] {
    outputs
        .fold(DigestBuilder::new(domain), |builder, output| builder.digest(&output.digest))
        .finish()
        .0
}

fn all_runs(counted: &[Counted]) -> Vec<&Run> {
    counted.iter().flat_map(|counted| &counted.receipt.runs).collect()
}

fn bytes_of(runs: &[&Run]) -> u64 {
    runs.iter().map(|run| run.output.bytes).sum()
}

/// The ranges of a merge wave, and the run bytes that each of them reads, about.
fn merge_tasks(runs: &[&Run]) -> (Vec<Range>, u64) {
    let bytes = bytes_of(runs);
    let ranges = ranges(bytes);
    let each = bytes / ranges.len().max(1) as u64;
    (ranges, each)
}

impl Merged {
    /// The screen wave.
    pub(crate) fn screen(
        driver: &mut Driver<'_>,
        counted: &[Counted],
        corpus: &Corpus,
    ) -> Result<Self, TaskError> {
        let parameters = &driver.workspace.parameters;
        let saturated = |df: u64| u32::try_from(df).unwrap_or(u32::MAX);
        let thresholds = Thresholds {
            floor: saturated(parameters.floor),
            ceiling: saturated(parameters.ceiling_for(corpus.totals.documents)),
            novelty_order: novelty_order(&driver.workspace, corpus.tokens),
        };
        let runs = all_runs(counted);
        let opened = open_runs(&driver.workspace, runs.iter().copied(), Kind::Count)?;
        let (ranges, bytes) = merge_tasks(&runs);
        let receipts = driver.wave(
            Wave::Screen,
            &ranges,
            |_| bytes,
            |workspace, range| screen(workspace, &opened, *range, &thresholds, &corpus.digest),
        )?;
        let open = |(range, receipt): (&Range, &ScreenReceipt)| {
            let Output { key, bytes, .. } = &receipt.output;
            let object = driver.workspace.open(key, Kind::Screened, runs.len(), *bytes)?;
            Ok(ScreenedRange { range: *range, object })
        };
        let counts = || receipts.iter().flat_map(|receipt| &receipt.counts);
        Ok(Self {
            thresholds,
            screened: ranges.iter().zip(&receipts).map(open).collect::<Result<_, TaskError>>()?,
            digest: digest_of("taster screened 1", receipts.iter().map(|receipt| &receipt.output)),
            sums: Sums {
                distinct_ngrams: counts().map(|counts| counts.distinct).sum(),
                screened_ngrams: counts().map(|counts| counts.screened).sum(),
            },
        })
    }

    /// The context, score and evidence waves.
    pub(crate) fn judge(
        self,
        driver: &mut Driver<'_>,
        counted: &[Counted],
        corpus: &Corpus,
    ) -> Result<Judged, TaskError> {
        let contexts = self.describe(driver, counted, corpus)?;
        let scorer = Scorer::new(corpus.totals.clone());
        let scored = score_all(driver, &contexts, &scorer)?;
        let judge = Judge {
            scorer: &scorer,
            calibration: Calibration::fit(&scored.novelty, &scored.asymmetry),
            dispersion: Dispersion::fit(&scored.dispersion, &corpus.totals),
            tests: scored.ngrams * corpus.totals.axes.len() as u64,
        };
        let chosen =
            choose(&judge, scored.candidates, driver.workspace.parameters.max_findings as usize);
        let targets = self.targets(&driver.workspace, counted, corpus, &chosen)?;
        let verified = evidence(driver, counted, &targets, chosen)?;
        let most = driver.workspace.parameters.max_findings as usize;
        Ok(Judged { sums: self.sums, outcome: outcome(&judge, corpus, verified, most) })
    }

    /// The documents that have to be looked at for each candidate: those of its postings with
    /// their duplicates, or all of the runs that hold it where postings do not account for its df.
    fn targets(
        &self,
        workspace: &Workspace,
        counted: &[Counted],
        corpus: &Corpus,
        chosen: &[Chosen],
    ) -> Result<Vec<Target>, TaskError> {
        let places = RunPlaces::new(counted);
        let target = |chosen: &Chosen| {
            let Candidate { fingerprint, summary, .. } = &chosen.candidate;
            let canonical: Vec<DocumentOrd> =
                chosen.documents.iter().map(|&posted| places.document(posted)).collect();
            let mut documents = corpus.with_duplicates(&canonical);
            if (documents.len() as u64) < summary.df {
                let runs = runs_holding(workspace, &self.screened, *fingerprint)?;
                documents = runs.into_iter().flat_map(|run| places.all(run)).collect();
            }
            Ok(Target { fingerprint: *fingerprint, order: usize::from(summary.order), documents })
        };
        chosen.iter().map(target).collect()
    }

    fn describe(
        &self,
        driver: &mut Driver<'_>,
        counted: &[Counted],
        corpus: &Corpus,
    ) -> Result<Vec<ContextReceipt>, TaskError> {
        let Thresholds { floor, ceiling, novelty_order } = self.thresholds;
        let rules = Rules { orders: driver.workspace.orders(), floor, ceiling, novelty_order };
        let objects: Vec<Opened> =
            self.screened.iter().map(|screened| screened.object.clone()).collect();
        let screen = Screen { corpus, objects: &objects, digest: self.digest, rules };
        let located = locate(counted);
        let bytes = |located: &Located<'_>| located.counted.unit.text_bytes;
        driver.wave(Wave::Context, &located, bytes, |workspace, located| {
            describe(workspace, &screen, located)
        })
    }
}

fn locate(counted: &[Counted]) -> Vec<Located<'_>> {
    let mut next_run = 0;
    let mut located = Vec::with_capacity(counted.len());
    for (unit_ord, counted) in counted.iter().enumerate() {
        located.push(Located { counted, unit_ord, first_run: next_run });
        next_run += counted.receipt.runs.len();
    }
    located
}

/// The score wave, merged. Ranges are merged in order, so the result is the same however they
/// were scheduled.
fn score_all(
    driver: &mut Driver<'_>,
    contexts: &[ContextReceipt],
    scorer: &Scorer,
) -> Result<ScoreReceipt, TaskError> {
    let runs: Vec<&Run> = contexts.iter().flat_map(|context| &context.runs).collect();
    let opened = open_runs(&driver.workspace, runs.iter().copied(), Kind::Context)?;
    let digest = digest_of("taster contexts 1", runs.iter().map(|run| &run.output));
    let (ranges, bytes) = merge_tasks(&runs);
    let receipts = driver.wave(
        Wave::Score,
        &ranges,
        |_| bytes,
        |workspace, range| score(workspace, &opened, *range, scorer, &digest),
    )?;
    let mut merged = ScoreReceipt::new(scorer.totals().axes.len());
    receipts.into_iter().for_each(|receipt| merged.merge(receipt));
    Ok(merged)
}
