//! The screen stage: the exact global df of every n-gram, one fingerprint range per task.

use std::ops::RangeInclusive;
use std::sync::Arc;

use taster_ngrams::object::Kind;
use taster_planning::{DigestBuilder, LongerStep, MergeRange};

use super::{CountedCorpus, Lengthening, Stage, bytes_of, digest_of};
use crate::count::{Output, Run};
use crate::holders::ScreenedRange;
use crate::longer::LongerReceipt;
use crate::report::Sums;
use crate::screen::{ScreenReceipt, Terms, Thresholds, open_runs, ranges, screen};
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

/// One task per fingerprint range, over the runs of one step of the count stage.
#[derive(Debug)]
pub(crate) struct Screening {
    counts: Arc<CountedCorpus>,
    /// What the steps before have screened.
    before: Vec<Arc<Level>>,
    wave: Wave,
    terms: Terms,
    runs: Vec<Opened>,
    ranges: Vec<MergeRange>,
    /// Run bytes that each task reads, about.
    bytes_each: u64,
}

impl Screening {
    /// The first step: every n-gram of the whole orders.
    pub(crate) fn new(
        workspace: &Workspace,
        counts: Arc<CountedCorpus>,
    ) -> Result<Self, TaskError> {
        let parameters = &workspace.parameters;
        let saturated = |df: u64| u32::try_from(df).unwrap_or(u32::MAX);
        let thresholds = Thresholds {
            floor: saturated(parameters.floor),
            ceiling: saturated(parameters.ceiling_for(counts.corpus.totals.documents)),
            novelty_order: novelty_order(workspace, counts.corpus.tokens),
        };
        let (orders, inputs) = (parameters.orders.whole(), counts.corpus.digest);
        let terms = Terms { thresholds, orders, inputs };
        let units = Arc::clone(&counts);
        let runs = units.units.iter().flat_map(|unit| &unit.receipt.runs);
        Self::over(workspace, counts, runs, terms, Wave::Screen)
    }

    /// The step after one that `receipts` are of.
    pub(crate) fn longer(
        workspace: &Workspace,
        lengthening: &Lengthening,
        receipts: &[LongerReceipt],
    ) -> Result<Self, TaskError> {
        let Lengthening { step, screened: before, .. } = lengthening;
        let runs = || receipts.iter().flat_map(|receipt| &receipt.runs);
        let terms = Terms {
            thresholds: before.thresholds,
            orders: workspace.parameters.orders.of(*step),
            inputs: digest_of("taster counted longer 1", runs().map(|run| &run.output)),
        };
        let wave = match step {
            LongerStep::Triples => Wave::ScreenTriples,
            LongerStep::Longer => Wave::ScreenLonger,
        };
        let screening = Self::over(workspace, Arc::clone(&before.counts), runs(), terms, wave)?;
        Ok(Self { before: before.levels.clone(), ..screening })
    }

    fn over<'a>(
        workspace: &Workspace,
        counts: Arc<CountedCorpus>,
        runs: impl Iterator<Item = &'a Run> + Clone,
        terms: Terms,
        wave: Wave,
    ) -> Result<Self, TaskError> {
        let opened = open_runs(workspace, runs.clone(), Kind::Count)?;
        let bytes = bytes_of(runs);
        // Without runs there is nothing to merge.
        let ranges = if opened.is_empty() { Vec::new() } else { ranges(bytes) };
        let bytes_each = bytes / ranges.len().max(1) as u64;
        Ok(Self { counts, before: Vec::new(), wave, terms, runs: opened, ranges, bytes_each })
    }

    /// The screened corpus, from the receipts of all tasks.
    pub(crate) fn collect(
        &self,
        workspace: &Workspace,
        receipts: &[ScreenReceipt],
    ) -> Result<Screened, TaskError> {
        let open = |(range, receipt): (&MergeRange, &ScreenReceipt)| {
            let Output { key, bytes, .. } = &receipt.output;
            let object = workspace.open(key, Kind::Screened, self.runs.len(), *bytes)?;
            Ok(ScreenedRange { range: *range, object })
        };
        let ranges = self.ranges.iter().zip(receipts).map(open);
        let counts = || receipts.iter().flat_map(|receipt| &receipt.counts);
        let level = Level {
            ranges: ranges.collect::<Result<_, TaskError>>()?,
            orders: self.terms.orders.clone(),
            digest: digest_of("taster screened 1", receipts.iter().map(|receipt| &receipt.output)),
            sums: Sums {
                distinct_ngrams: counts().map(|counts| counts.distinct).sum(),
                screened_ngrams: counts().map(|counts| counts.screened).sum(),
            },
        };
        Ok(Screened {
            levels: self.before.iter().cloned().chain([Arc::new(level)]).collect(),
            thresholds: self.terms.thresholds,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Stage for Screening {
    type Receipt = ScreenReceipt;

    fn wave(&self) -> Wave {
        self.wave
    }

    fn tasks(&self) -> usize {
        self.ranges.len()
    }

    fn bytes(&self, _: usize) -> u64 {
        self.bytes_each
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(ScreenReceipt, bool), TaskError> {
        screen(workspace, &self.runs, self.ranges[task], &self.terms)
    }
}

/// What one step of the screen stage found.
#[derive(Debug)]
pub(crate) struct Level {
    /// The screened objects, in range order.
    ranges: Vec<ScreenedRange>,
    orders: RangeInclusive<u8>,
    digest: [u8; 32],
    sums: Sums,
}

impl Level {
    fn objects(&self) -> impl Iterator<Item = Opened> {
        self.ranges.iter().map(|range| range.object.clone())
    }
}

/// The screened corpus.
#[derive(Debug)]
pub(crate) struct Screened {
    pub counts: Arc<CountedCorpus>,
    pub thresholds: Thresholds,
    /// Step by step, in ascending orders.
    levels: Vec<Arc<Level>>,
}

impl Screened {
    /// The screened objects of all ranges of all steps.
    pub(crate) fn objects(&self) -> Vec<Opened> {
        self.ranges().map(|range| range.object.clone()).collect()
    }

    /// Those of the latest step alone.
    pub(crate) fn latest(&self) -> Vec<Opened> {
        self.levels.last().into_iter().flat_map(|level| level.objects()).collect()
    }

    /// Those of the steps that are about an order.
    pub(crate) fn objects_of(&self, order: u8) -> Vec<Opened> {
        let levels = self.levels.iter().filter(|level| level.orders.contains(&order));
        levels.flat_map(|level| level.objects()).collect()
    }

    /// The screened objects with the ranges that they are of.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &ScreenedRange> {
        self.levels.iter().flat_map(|level| &level.ranges)
    }

    /// Digest of all screened objects.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let levels = DigestBuilder::new("taster screened levels 1");
        self.levels.iter().fold(levels, |builder, level| builder.bytes(&level.digest)).finish().0
    }

    /// Sums over all n-grams that were counted.
    pub(crate) fn sums(&self) -> Sums {
        let sum =
            |value: fn(&Sums) -> u64| self.levels.iter().map(|level| value(&level.sums)).sum();
        Sums {
            distinct_ngrams: sum(|sums| sums.distinct_ngrams),
            screened_ngrams: sum(|sums| sums.screened_ngrams),
        }
    }
}
