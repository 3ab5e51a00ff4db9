//! The second step of the count stage: per counted unit, the n-grams of frequent pairs.

use std::sync::Arc;

use taster_planning::Unit;

use super::{Screened, Stage};
use crate::longer::{LongerReceipt, Pairs, count_longer};
use crate::workspace::{Opened, Workspace};
use crate::{TaskError, Wave};

/// One task per counted unit; none if no longer n-grams are asked for.
#[derive(Debug)]
pub(crate) struct Lengthening {
    /// After the first step.
    pub screened: Arc<Screened>,
    objects: Vec<Opened>,
    tasks: usize,
}

impl Lengthening {
    pub(crate) fn new(workspace: &Workspace, screened: Arc<Screened>) -> Self {
        let is_wanted = !workspace.parameters.orders.longer().is_empty();
        let tasks = if is_wanted { screened.counts.units.len() } else { 0 };
        Self { objects: screened.objects(), tasks, screened }
    }

    /// The task of a unit; `None` if there is none.
    pub(crate) fn task_of(&self, unit: &Unit) -> Option<usize> {
        self.screened.counts.place_of(unit).filter(|&task| task < self.tasks)
    }
}

impl Stage for Lengthening {
    type Receipt = LongerReceipt;

    fn wave(&self) -> Wave {
        Wave::CountLonger
    }

    fn tasks(&self) -> usize {
        self.tasks
    }

    fn bytes(&self, task: usize) -> u64 {
        self.screened.counts.units[task].unit.text_bytes
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(LongerReceipt, bool), TaskError> {
        let Screened { counts, thresholds, .. } = &*self.screened;
        let digest = self.screened.digest();
        let pairs = Pairs { objects: &self.objects, digest, thresholds: *thresholds };
        count_longer(workspace, &pairs, &counts.located(task))
    }
}
