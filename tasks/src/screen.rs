//! The n-gram side of the screen wave: exact global df of one fingerprint range, and which
//! n-grams of every run matter.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use taster_ngrams::block::{self, Columns};
use taster_ngrams::count::{SLICES, unlabel};
use taster_ngrams::frequency::Frequencies;
use taster_ngrams::merge::RangeMerge;
use taster_ngrams::object::{Kind, ObjectBuilder, take_frame};
use taster_planning::{DigestBuilder, MERGE_SLICES, MergeRange, merge_ranges};

use crate::TaskError;
use crate::count::{Output, Run, commit};
use crate::error::InObject;
use crate::slices::Slices;
use crate::workspace::{Opened, Workspace};

/// The ranges of a merge wave; `total_bytes` is that of all runs.
pub(crate) fn ranges(total_bytes: u64) -> Vec<MergeRange> {
    const { assert!(SLICES == MERGE_SLICES, "the scheduler counts on these slices") }
    merge_ranges(total_bytes, SLICES)
}

/// Number of n-grams of one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderCounts {
    /// Different n-grams.
    pub distinct: u64,
    /// Those with floor <= df <= ceiling.
    pub screened: u64,
}

/// What a screen task leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScreenReceipt {
    pub output: Output,
    /// Indexed by order.
    pub counts: Vec<OrderCounts>,
}

/// What decides which n-grams matter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thresholds {
    pub floor: u32,
    pub ceiling: u32,
    pub novelty_order: u8,
}

impl Thresholds {
    /// The least df that matters of n-grams of one order. One document alone never does.
    fn least(&self, order: u8) -> u32 {
        if order == self.novelty_order { 2 } else { self.floor.max(2) }
    }
}

/// What all tasks of a screen wave share.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub thresholds: Thresholds,
    /// Orders that the runs hold.
    pub orders: RangeInclusive<u8>,
    /// Digest of the runs.
    pub inputs: [u8; 32],
}

/// All runs of the corpus, in unit and segment order, with their directories.
pub(crate) fn open_runs<'a>(
    workspace: &Workspace,
    runs: impl Iterator<Item = &'a Run>,
    kind: Kind,
) -> Result<Vec<Opened>, TaskError> {
    runs.map(|run| workspace.open(&run.output.key, kind, SLICES, run.output.bytes)).collect()
}

/// Screens one range, or finds it screened. The second value says which.
pub(crate) fn screen(
    workspace: &Workspace,
    runs: &[Opened],
    range: MergeRange,
    terms: &Terms,
) -> Result<(ScreenReceipt, bool), TaskError> {
    let folder = folder(range, terms);
    let receipt_key = format!("{folder}/receipt.json");
    if let Some(receipt) = workspace.receipt::<ScreenReceipt>(&receipt_key)?
        && workspace.intact(std::iter::once(&receipt.output))?
    {
        return Ok((receipt, true));
    }
    let slices = read_slices(workspace, runs, range)?;
    let frames = Frames::index(runs, &slices)?;
    let mut screening = Screening::new(runs.len(), terms.thresholds);
    for order in terms.orders.clone() {
        screening.order(workspace, order, &frames, runs)?;
    }
    let (mut object, counts) = screening.finish(workspace);
    let output = commit(workspace, format!("{folder}/screened"), &mut object)?;
    let receipt = ScreenReceipt { output, counts };
    workspace.commit_receipt(&receipt_key, &receipt)?;
    Ok((receipt, false))
}

fn folder(range: MergeRange, terms: &Terms) -> String {
    let Terms { thresholds, orders, inputs } = terms;
    // Runs of two steps can be the same bytes, where neither counted anything.
    let digest = DigestBuilder::new("taster screen 3")
        .bytes(inputs)
        .number(u64::from(*orders.start()))
        .number(u64::from(*orders.end()))
        .number(range.from as u64)
        .number(range.to as u64)
        .number(u64::from(thresholds.floor))
        .number(u64::from(thresholds.ceiling))
        .number(u64::from(thresholds.novelty_order));
    format!("screen/{}", digest.finish().short())
}

/// The bytes of one range of every run.
pub(crate) fn read_slices<'a>(
    workspace: &'a Workspace,
    runs: &[Opened],
    range: MergeRange,
) -> Result<Slices<'a>, TaskError> {
    Slices::read(workspace, runs.iter(), range.from, range.to)
}

/// One frame of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameRef<'a> {
    pub order: u8,
    pub partition: usize,
    pub run: u32,
    pub payload: &'a [u8],
}

/// The verified frames of one range of all runs, by order, partition and run.
pub(crate) struct Frames<'a>(Vec<FrameRef<'a>>);

impl<'a> Frames<'a> {
    pub(crate) fn index(runs: &[Opened], slices: &'a Slices<'_>) -> Result<Self, TaskError> {
        let mut frames = Vec::new();
        for (run, (opened, slice)) in runs.iter().zip(slices.iter()).enumerate() {
            let mut rest = slice;
            while let Some(frame) = take_frame(&mut rest).in_object(&opened.key)? {
                let (partition, order) = unlabel(frame.label);
                frames.push(FrameRef { order, partition, run: run as u32, payload: frame.payload });
            }
        }
        frames.sort_by_key(|frame| (frame.order, frame.partition, frame.run));
        Ok(Self(frames))
    }

    /// The frames of each partition of one order, in ascending partition order.
    pub(crate) fn partitions(&self, order: u8) -> impl Iterator<Item = &[FrameRef<'a>]> {
        let from = self.0.partition_point(|frame| frame.order < order);
        let to = self.0.partition_point(|frame| frame.order <= order);
        self.0[from..to].chunk_by(|a, b| a.partition == b.partition)
    }
}

/// Adds the blocks of one partition to a merge.
pub(crate) fn add_frames(
    merge: &mut RangeMerge,
    frames: &[FrameRef<'_>],
    runs: &[Opened],
) -> Result<(), TaskError> {
    frames.iter().try_for_each(|frame| {
        merge.add(frame.run, frame.payload).in_object(&runs[frame.run as usize].key)
    })
}

struct Screening {
    thresholds: Thresholds,
    frequencies: Frequencies,
    /// Kept entries of the current order, per run.
    kept: Vec<Columns>,
    /// Encoded blocks, per run: order and payload.
    blocks: Vec<Vec<(u8, Vec<u8>)>>,
    counts: Vec<OrderCounts>,
}

impl Screening {
    fn new(runs: usize, thresholds: Thresholds) -> Self {
        Self {
            thresholds,
            frequencies: Frequencies::default(),
            kept: (0..runs).map(|_| Columns::default()).collect(),
            blocks: vec![Vec::new(); runs],
            counts: Vec::new(),
        }
    }

    fn order(
        &mut self,
        workspace: &Workspace,
        order: u8,
        frames: &Frames<'_>,
        runs: &[Opened],
    ) -> Result<(), TaskError> {
        let mut counts = OrderCounts::default();
        for partition in frames.partitions(order) {
            workspace.proceed()?;
            self.partition(partition, order, runs, &mut counts)?;
        }
        self.encode_kept(order);
        self.counts.resize(usize::from(order) + 1, OrderCounts::default());
        self.counts[usize::from(order)] = counts;
        Ok(())
    }

    fn partition(
        &mut self,
        frames: &[FrameRef<'_>],
        order: u8,
        runs: &[Opened],
        counts: &mut OrderCounts,
    ) -> Result<(), TaskError> {
        let Thresholds { floor, ceiling, .. } = self.thresholds;
        let frequencies = &mut self.frequencies;
        frequencies.reset(frames.iter().map(|frame| block::entries(frame.payload)).sum());
        for frame in frames {
            let key = &runs[frame.run as usize].key;
            frequencies.add(frame.run, frame.payload).in_object(key)?;
        }
        frequencies.keep(self.thresholds.least(order), &mut self.kept);
        counts.distinct += frequencies.distinct();
        counts.screened += frequencies.within(floor..=ceiling);
        Ok(())
    }

    fn encode_kept(&mut self, order: u8) {
        for (kept, blocks) in self.kept.iter_mut().zip(&mut self.blocks) {
            if !kept.is_empty() {
                let mut block = Vec::new();
                kept.encode(&mut block);
                blocks.push((order, block));
                kept.clear();
            }
        }
    }

    /// The object with one slice per run.
    fn finish(self, workspace: &Workspace) -> (Vec<u8>, Vec<OrderCounts>) {
        let header = workspace.header(Kind::Screened, 0, 0);
        let bytes = self.blocks.iter().flatten().map(|(_, block)| block.len() + 16).sum();
        let mut builder = ObjectBuilder::new(header, self.blocks.len(), bytes);
        for blocks in &self.blocks {
            for (order, block) in blocks {
                builder.frame(u32::from(*order), block);
            }
            builder.end_slice();
        }
        (builder.finish(), self.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_whose_runs_are_the_same_have_places_of_their_own() {
        let thresholds = Thresholds { floor: 10, ceiling: 100, novelty_order: 2 };
        let range = MergeRange { from: 0, to: 256 };
        let place = |orders| folder(range, &Terms { thresholds, orders, inputs: [7; 32] });
        assert_ne!(place(3..=3), place(4..=5));
        assert_ne!(place(3..=3), place(3..=4));
        assert_eq!(place(4..=5), place(4..=5));
    }
}
