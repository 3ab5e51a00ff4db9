//! The later steps of the count stage: per counted unit, n-grams that hold nothing infrequent.

use std::sync::Arc;

use taster_planning::{LongerStep, Unit};

use super::{Screened, Stage};
use crate::longer::{LongerReceipt, Shorter, count_longer};
use crate::workspace::{Opened, Workspace};
use crate::{TaskError, Wave};

/// One task per counted unit; none if no n-grams of the step are asked for.
#[derive(Debug)]
pub(crate) struct Lengthening {
    pub step: LongerStep,
    /// After the step before.
    pub screened: Arc<Screened>,
    objects: Vec<Opened>,
    tasks: usize,
}

impl Lengthening {
    pub(crate) fn new(workspace: &Workspace, screened: Arc<Screened>, step: LongerStep) -> Self {
        let is_wanted = !workspace.parameters.orders.of(step).is_empty();
        let tasks = if is_wanted { screened.counts.units.len() } else { 0 };
        Self { step, objects: screened.latest(), tasks, screened }
    }

    /// The task of a unit; `None` if there is none.
    pub(crate) fn task_of(&self, unit: &Unit) -> Option<usize> {
        self.screened.counts.place_of(unit).filter(|&task| task < self.tasks)
    }
}

impl Stage for Lengthening {
    type Receipt = LongerReceipt;

    fn wave(&self) -> Wave {
        match self.step {
            LongerStep::Triples => Wave::CountTriples,
            LongerStep::Longer => Wave::CountLonger,
        }
    }

    fn tasks(&self) -> usize {
        self.tasks
    }

    fn bytes(&self, task: usize) -> u64 {
        self.screened.counts.units[task].unit.text_bytes
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(LongerReceipt, bool), TaskError> {
        let Screened { counts, thresholds, .. } = &*self.screened;
        let shorter = Shorter {
            step: self.step,
            objects: &self.objects,
            digest: self.screened.digest(),
            thresholds: *thresholds,
        };
        count_longer(workspace, &shorter, &counts.located(task))
    }
}
