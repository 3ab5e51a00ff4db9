//! One audit: the stages that are complete, and the one that runs.

use std::time::Duration;

use super::event::{Facts, Plan, StageRecord};
use super::stage::StageWork;
use super::task::Stage;
use super::view::{AuditView, StageView};

/// A stage that is complete.
#[derive(Debug)]
struct Complete {
    stage: Stage,
    tasks: u32,
    facts: Facts,
}

/// An audit that has not ended.
#[derive(Debug)]
pub(super) struct Audit {
    pub generation: u32,
    pub opened: Duration,
    /// Whether an exclusion was asked for and has not been answered: nothing is assigned.
    pub excluding: bool,
    /// The stage that runs; `None` if all are complete.
    pub work: Option<StageWork>,
    units: u32,
    attempt_floor: u32,
    highest_attempt: u32,
    /// From count on, without a gap.
    complete: Vec<Complete>,
}

impl Audit {
    /// An audit at the first stage that the plan does not know as complete. Attempts are numbered
    /// above `attempt_floor`.
    pub(super) fn open(plan: &Plan, attempt_floor: u32, now: Duration) -> Self {
        let mut audit = Self {
            generation: plan.generation,
            opened: now,
            excluding: false,
            work: None,
            units: plan.units,
            attempt_floor,
            highest_attempt: attempt_floor,
            complete: Vec::new(),
        };
        let records = plan.complete.iter().filter(|record| record.generation == plan.generation);
        let in_order = records.zip(Stage::ALL).take_while(|(record, stage)| record.stage == *stage);
        for (record, stage) in in_order {
            let tasks = audit.tasks(stage);
            audit.complete.push(Complete { stage, tasks, facts: record.facts });
        }
        audit.work = audit.next_stage();
        audit
    }

    /// Starts over from the first stage, after an exclusion.
    pub(super) fn restart(&mut self, generation: u32) {
        self.generation = generation;
        self.excluding = false;
        self.complete.clear();
        self.work = self.next_stage();
    }

    /// Goes on to the next stages as long as the one that runs is complete; returns what is
    /// complete now and was not before.
    pub(super) fn advance(&mut self) -> Vec<StageRecord> {
        let mut records = Vec::new();
        while let Some(work) = self.work.take_if(|work| work.is_complete()) {
            let StageWork { stage, tasks, facts, .. } = work;
            records.push(StageRecord { generation: self.generation, stage, facts });
            self.complete.push(Complete { stage, tasks, facts });
            self.work = self.next_stage();
        }
        records
    }

    /// The stage that runs, if its tasks may be assigned.
    pub(super) fn assignable(&self) -> Option<&StageWork> {
        self.work.as_ref().filter(|_| !self.excluding)
    }

    pub(super) fn note_attempt(&mut self, attempt: u32) {
        self.highest_attempt = self.highest_attempt.max(attempt);
    }

    /// The highest number that any attempt had.
    pub(super) fn highest_attempt(&self) -> u32 {
        self.highest_attempt
    }

    pub(super) fn view(&self) -> AuditView {
        let complete = self.complete.iter().map(|complete| StageView {
            stage: complete.stage,
            tasks: complete.tasks,
            done: complete.tasks,
            reused: complete.facts.reused.min(complete.tasks),
            running: 0,
        });
        let stages = complete.chain(self.work.as_ref().map(StageWork::view)).collect();
        AuditView { generation: self.generation, stages }
    }

    fn next_stage(&self) -> Option<StageWork> {
        let stage = match self.complete.last() {
            Some(last) => last.stage.next()?,
            None => Stage::Count,
        };
        Some(StageWork::new(stage, self.tasks(stage), self.attempt_floor))
    }

    /// Number of tasks of the stage that follows those that are complete.
    fn tasks(&self, stage: Stage) -> u32 {
        let before = self.complete.last().map(|last| last.facts).unwrap_or_default();
        stage.tasks(self.units, before)
    }
}
