//! The context stage: per counted unit, where the screened n-grams stand.

use std::sync::Arc;

use taster_ngrams::context::Rules;
use taster_planning::Unit;

use super::{Screened, Stage};
use crate::context::{ContextReceipt, Screen, describe};
use crate::screen::Thresholds;
use crate::workspace::{Opened, Workspace};
use crate::{TaskError, Wave};

/// One task per counted unit.
#[derive(Debug)]
pub(crate) struct Describing {
    pub screened: Arc<Screened>,
    objects: Vec<Opened>,
    rules: Rules,
}

impl Describing {
    pub(crate) fn new(workspace: &Workspace, screened: Arc<Screened>) -> Self {
        let Thresholds { floor, ceiling, novelty_order } = screened.thresholds;
        let documents = screened.counts.corpus.totals.documents;
        let documents = u32::try_from(documents).unwrap_or(u32::MAX);
        let orders = workspace.orders();
        let rules = Rules { orders, floor, ceiling, novelty_order, documents };
        Self { objects: screened.objects(), rules, screened }
    }

    /// The task of a unit; `None` if its shard is left out.
    pub(crate) fn task_of(&self, unit: &Unit) -> Option<usize> {
        self.screened.counts.place_of(unit)
    }
}

impl Stage for Describing {
    type Receipt = ContextReceipt;

    fn wave(&self) -> Wave {
        Wave::Context
    }

    fn tasks(&self) -> usize {
        self.screened.counts.units.len()
    }

    fn bytes(&self, task: usize) -> u64 {
        self.screened.counts.units[task].unit.text_bytes
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(ContextReceipt, bool), TaskError> {
        let counts = &self.screened.counts;
        let screen = Screen {
            corpus: &counts.corpus,
            objects: &self.objects,
            digest: self.screened.digest(),
            rules: self.rules.clone(),
        };
        describe(workspace, &screen, &counts.located(task))
    }
}
