//! The context stage: per counted unit, where the screened n-grams stand.

use std::sync::Arc;

use taster_ngrams::context::Rules;
use taster_planning::Unit;

use super::{Screened, Stage};
use crate::context::{ContextReceipt, Located, Screen, describe};
use crate::screen::Thresholds;
use crate::workspace::{Opened, Workspace};
use crate::{TaskError, Wave};

/// One task per counted unit.
#[derive(Debug)]
pub(crate) struct Describing {
    pub screened: Arc<Screened>,
    /// The screened objects, in range order.
    objects: Vec<Opened>,
    rules: Rules,
    /// Ordinal of the first run of every unit among all runs.
    first_runs: Vec<usize>,
}

impl Describing {
    pub(crate) fn new(workspace: &Workspace, screened: Arc<Screened>) -> Self {
        let Thresholds { floor, ceiling, novelty_order } = screened.thresholds;
        let mut next_run = 0;
        let mut first_runs = Vec::with_capacity(screened.counts.units.len());
        for counted in &screened.counts.units {
            first_runs.push(next_run);
            next_run += counted.receipt.runs.len();
        }
        Self {
            objects: screened.ranges.iter().map(|range| range.object.clone()).collect(),
            rules: Rules { orders: workspace.orders(), floor, ceiling, novelty_order },
            first_runs,
            screened,
        }
    }

    /// The task of a unit; `None` if its shard is left out.
    pub(crate) fn task_of(&self, unit: &Unit) -> Option<usize> {
        let place = |unit: &Unit| (unit.shard_ord, unit.row_group_start);
        let units = &self.screened.counts.units;
        units.binary_search_by_key(&place(unit), |counted| place(&counted.unit)).ok()
    }
}

impl Stage for Describing {
    type Receipt = ContextReceipt;
    const WAVE: Wave = Wave::Context;

    fn tasks(&self) -> usize {
        self.first_runs.len()
    }

    fn bytes(&self, task: usize) -> u64 {
        self.screened.counts.units[task].unit.text_bytes
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(ContextReceipt, bool), TaskError> {
        let Screened { counts, digest, .. } = &*self.screened;
        let screen = Screen {
            corpus: &counts.corpus,
            objects: &self.objects,
            digest: *digest,
            rules: self.rules.clone(),
        };
        let first_run = self.first_runs[task];
        let located = Located { counted: &counts.units[task], unit_ord: task, first_run };
        describe(workspace, &screen, &located)
    }
}
