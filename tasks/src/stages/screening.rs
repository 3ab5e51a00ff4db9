//! The screen stage: the exact global df of every n-gram, one fingerprint range per task.

use std::sync::Arc;

use taster_ngrams::object::Kind;
use taster_planning::MergeRange;

use super::{CountedCorpus, Stage, bytes_of, digest_of};
use crate::count::{Output, Run};
use crate::holders::ScreenedRange;
use crate::report::Sums;
use crate::screen::{ScreenReceipt, Thresholds, open_runs, ranges, screen};
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

/// One task per fingerprint range.
#[derive(Debug)]
pub(crate) struct Screening {
    counts: Arc<CountedCorpus>,
    thresholds: Thresholds,
    runs: Vec<Opened>,
    ranges: Vec<MergeRange>,
    /// Run bytes that each task reads, about.
    bytes_each: u64,
}

impl Screening {
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
        let runs: Vec<&Run> = counts.units.iter().flat_map(|unit| &unit.receipt.runs).collect();
        let opened = open_runs(workspace, runs.iter().copied(), Kind::Count)?;
        let bytes = bytes_of(runs);
        let ranges = ranges(bytes);
        let bytes_each = bytes / ranges.len().max(1) as u64;
        Ok(Self { counts, thresholds, runs: opened, ranges, bytes_each })
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
        Ok(Screened {
            ranges: ranges.collect::<Result<_, TaskError>>()?,
            digest: digest_of("taster screened 1", receipts.iter().map(|receipt| &receipt.output)),
            sums: Sums {
                distinct_ngrams: counts().map(|counts| counts.distinct).sum(),
                screened_ngrams: counts().map(|counts| counts.screened).sum(),
            },
            thresholds: self.thresholds,
            counts: Arc::clone(&self.counts),
        })
    }
}

impl Stage for Screening {
    type Receipt = ScreenReceipt;
    const WAVE: Wave = Wave::Screen;

    fn tasks(&self) -> usize {
        self.ranges.len()
    }

    fn bytes(&self, _: usize) -> u64 {
        self.bytes_each
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(ScreenReceipt, bool), TaskError> {
        let corpus = &self.counts.corpus.digest;
        screen(workspace, &self.runs, self.ranges[task], &self.thresholds, corpus)
    }
}

/// The screened corpus.
#[derive(Debug)]
pub(crate) struct Screened {
    pub counts: Arc<CountedCorpus>,
    pub thresholds: Thresholds,
    /// The screened objects, in range order.
    pub ranges: Vec<ScreenedRange>,
    pub digest: [u8; 32],
    pub sums: Sums,
}
