//! The second step of the count wave: per unit, exact df and cf of the n-grams beyond order 2
//! whose pairs all reach the floor. No other can.

use serde::{Deserialize, Serialize};
use taster_ngrams::Segment;
use taster_ngrams::count::Counter;
use taster_ngrams::longer::{FrequentPairs, Survivors};
use taster_planning::DigestBuilder;

use crate::TaskError;
use crate::context::Located;
use crate::count::{Output, Run, commit, folder as count_folder};
use crate::error::InObject;
use crate::memory::Lent;
use crate::screen::Thresholds;
use crate::screened_run::ScreenedRun;
use crate::stream::read_segment;
use crate::workspace::{Opened, Workspace};

/// What a task leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LongerReceipt {
    /// One per run of the unit, in the same order.
    pub runs: Vec<Run>,
}

/// What all tasks share: the screened n-grams of the first step.
pub(crate) struct Pairs<'a> {
    /// The screened objects of all ranges, in range order.
    pub objects: &'a [Opened],
    /// Digest of all of them.
    pub digest: [u8; 32],
    pub thresholds: Thresholds,
}

/// Counts one unit, or finds it counted. The second value says which.
pub(crate) fn count_longer(
    workspace: &Workspace,
    pairs: &Pairs<'_>,
    located: &Located<'_>,
) -> Result<(LongerReceipt, bool), TaskError> {
    let digest = DigestBuilder::new("taster count longer 1")
        .text(&count_folder(workspace, &located.counted.unit))
        .bytes(&pairs.digest)
        .number(located.first_run as u64)
        .finish();
    let folder = format!("count_longer/{}", digest.short());
    let receipt_key = format!("{folder}/receipt.json");
    if let Some(receipt) = workspace.receipt::<LongerReceipt>(&receipt_key)?
        && workspace.intact(receipt.runs.iter().map(|run| &run.output))?
    {
        return Ok((receipt, true));
    }
    let mut counting = Counting::new(workspace, pairs, folder);
    let counted = &located.counted.receipt;
    for (index, (run, stream)) in counted.runs.iter().zip(&counted.streams).enumerate() {
        workspace.proceed()?;
        read_segment(workspace, run, stream, &mut counting.segment, &mut counting.unusual)?;
        counting.load_pairs(located.first_run + index)?;
        counting.count(run)?;
    }
    workspace.commit_receipt(&receipt_key, &counting.receipt)?;
    Ok((counting.receipt, false))
}

struct Counting<'a> {
    workspace: &'a Workspace,
    pairs: &'a Pairs<'a>,
    folder: String,
    segment: Lent<'a, Segment>,
    unusual: Vec<u32>,
    frequent: Lent<'a, FrequentPairs>,
    survivors: Lent<'a, Survivors>,
    counter: Lent<'a, Counter>,
    receipt: LongerReceipt,
}

impl<'a> Counting<'a> {
    fn new(workspace: &'a Workspace, pairs: &'a Pairs<'a>, folder: String) -> Self {
        let memory = &workspace.memory;
        Self {
            workspace,
            pairs,
            folder,
            segment: memory.segments.lend(),
            unusual: Vec::new(),
            frequent: memory.pairs.lend(),
            survivors: memory.survivors.lend(),
            counter: memory.counters.lend(),
            receipt: LongerReceipt::default(),
        }
    }

    /// Fills the set with the frequent pairs of a run, by its ordinal among all.
    fn load_pairs(&mut self, run: usize) -> Result<(), TaskError> {
        let screened = ScreenedRun::read(self.workspace, self.pairs.objects, run)?;
        self.frequent.reset(screened.entries(|order| order == 2)?);
        let floor = self.pairs.thresholds.floor;
        screened.each(|key, frame| match frame.label {
            2 => self.frequent.insert_block(frame.payload, floor).in_object(key),
            _ => Ok(()),
        })
    }

    /// Counts the segment.
    fn count(&mut self, run: &Run) -> Result<(), TaskError> {
        let parameters = &self.workspace.parameters;
        let last = *parameters.orders.longer().end();
        let whole = self.pairs.thresholds.novelty_order;
        self.survivors.find(&self.segment, &self.frequent, last, whole);
        let config = parameters.counting().0;
        let mut object = self.counter.count_longer(
            &self.segment,
            &mut self.survivors,
            last,
            parameters.seed,
            config,
        );
        let key = format!("{}/run-{:05}", self.folder, self.receipt.runs.len());
        let output: Output = commit(self.workspace, key, &mut object)?;
        self.counter.recycle(object);
        let &Run { documents, tokens, .. } = run;
        self.receipt.runs.push(Run { output, documents, tokens });
        Ok(())
    }
}
