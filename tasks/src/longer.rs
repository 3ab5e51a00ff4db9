//! The later steps of the count wave: per unit, exact df and cf of the n-grams beyond order 2 that
//! hold nothing below the floor. No other can reach it.

use serde::{Deserialize, Serialize};
use taster_ngrams::Segment;
use taster_ngrams::count::Counter;
use taster_ngrams::longer::{Frequent, Survivors};
use taster_planning::{DigestBuilder, LongerStep};

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

/// What all tasks of a step share.
pub(crate) struct Shorter<'a> {
    pub step: LongerStep,
    /// The screened objects of the step before, in range order.
    pub objects: &'a [Opened],
    /// Digest of all of them.
    pub digest: [u8; 32],
    pub thresholds: Thresholds,
}

/// Counts one unit, or finds it counted. The second value says which.
pub(crate) fn count_longer(
    workspace: &Workspace,
    shorter: &Shorter<'_>,
    located: &Located<'_>,
) -> Result<(LongerReceipt, bool), TaskError> {
    let digest = DigestBuilder::new("taster count longer 1")
        .text(&count_folder(workspace, &located.counted.unit))
        .bytes(&shorter.digest)
        .number(located.first_run as u64)
        .finish();
    let folder = format!("count_longer/{}", digest.short());
    let receipt_key = format!("{folder}/receipt.json");
    if let Some(receipt) = workspace.receipt::<LongerReceipt>(&receipt_key)?
        && workspace.intact(receipt.runs.iter().map(|run| &run.output))?
    {
        return Ok((receipt, true));
    }
    let mut counting = Counting::new(workspace, shorter, folder);
    let counted = &located.counted.receipt;
    for (index, (run, stream)) in counted.runs.iter().zip(&counted.streams).enumerate() {
        workspace.proceed()?;
        read_segment(workspace, run, stream, &mut counting.segment, &mut counting.unusual)?;
        counting.load_frequent(located.first_run + index)?;
        counting.count(run)?;
    }
    workspace.commit_receipt(&receipt_key, &counting.receipt)?;
    Ok((counting.receipt, false))
}

struct Counting<'a> {
    workspace: &'a Workspace,
    shorter: &'a Shorter<'a>,
    folder: String,
    segment: Lent<'a, Segment>,
    unusual: Vec<u32>,
    frequent: Lent<'a, Frequent>,
    survivors: Lent<'a, Survivors>,
    counter: Lent<'a, Counter>,
    receipt: LongerReceipt,
}

impl<'a> Counting<'a> {
    fn new(workspace: &'a Workspace, shorter: &'a Shorter<'a>, folder: String) -> Self {
        let memory = &workspace.memory;
        Self {
            workspace,
            shorter,
            folder,
            segment: memory.segments.lend(),
            unusual: Vec::new(),
            frequent: memory.frequent.lend(),
            survivors: memory.survivors.lend(),
            counter: memory.counters.lend(),
            receipt: LongerReceipt::default(),
        }
    }

    /// Fills the set with the frequent n-grams of a run, by its ordinal among all.
    fn load_frequent(&mut self, run: usize) -> Result<(), TaskError> {
        let screened = ScreenedRun::read(self.workspace, self.shorter.objects, run)?;
        let inner = self.shorter.step.inner();
        self.frequent.reset(screened.entries(|order| order == inner)?);
        let floor = self.shorter.thresholds.floor;
        screened.each(|key, frame| {
            if frame.label != u32::from(inner) {
                return Ok(());
            }
            self.frequent.insert_block(frame.payload, floor).in_object(key)
        })
    }

    /// Counts the segment.
    fn count(&mut self, run: &Run) -> Result<(), TaskError> {
        let parameters = &self.workspace.parameters;
        let Shorter { step, thresholds, .. } = self.shorter;
        let (inner, last) = (step.inner(), *parameters.orders.of(*step).end());
        let whole = thresholds.novelty_order;
        self.survivors.find(&self.segment, &self.frequent, inner, last, whole);
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
