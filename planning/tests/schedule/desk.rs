//! A scheduler with a clock that stands still until it is moved.

use std::time::Duration;

use taster_planning::schedule::{
    AuditId, Command, Ending, Event, Exclusion, Facts, Outcome, Plan, ScheduleSettings, Stage,
    TaskKey, WorkerId,
};
use taster_planning::{Quarantine, QuarantineReason};

use crate::ledger::Ledger;

pub fn audit(name: &str) -> AuditId {
    AuditId(name.into())
}

pub fn worker(name: &str) -> WorkerId {
    WorkerId(name.into())
}

pub fn plan(units: u32) -> Plan {
    Plan { units, generation: 0, complete: vec![] }
}

/// A task of audit `a` in its first generation.
pub fn task(stage: Stage, index: u32) -> TaskKey {
    TaskKey { audit: audit("a"), generation: 0, stage, index }
}

pub fn bad_shard(shard: &str) -> Outcome {
    let reason = QuarantineReason::Changed;
    Outcome::BadShard(Quarantine { shard: shard.into(), reason, detail: String::new() })
}

/// `(worker, task, attempt)` of every assignment.
pub fn assigned(commands: &[Command]) -> Vec<(String, String, u32)> {
    let shown = |command: &Command| match command {
        Command::Assign { worker, task, attempt, .. } => {
            Some((worker.to_string(), task.to_string(), *attempt))
        }
        _ => None,
    };
    commands.iter().filter_map(shown).collect()
}

pub fn revoked(commands: &[Command]) -> Vec<(String, String, u32)> {
    let shown = |command: &Command| match command {
        Command::Revoke { worker, task, attempt } => {
            Some((worker.to_string(), task.to_string(), *attempt))
        }
        _ => None,
    };
    commands.iter().filter_map(shown).collect()
}

pub fn exclusions(commands: &[Command]) -> Vec<(u32, Exclusion)> {
    let shown = |command: &Command| match command {
        Command::Exclude { generation, cause, .. } => Some((*generation, cause.clone())),
        _ => None,
    };
    commands.iter().filter_map(shown).collect()
}

pub struct Desk {
    pub ledger: Ledger,
    pub now: Duration,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(ScheduleSettings::default())
    }

    pub fn with(settings: ScheduleSettings) -> Self {
        Self { ledger: Ledger::new(settings), now: Duration::ZERO }
    }

    pub fn tell(&mut self, event: Event) -> Vec<Command> {
        self.ledger.tell(event, self.now)
    }

    pub fn open(&mut self, name: &str, plan: Plan) -> Vec<Command> {
        self.tell(Event::Opened { audit: audit(name), plan })
    }

    pub fn join(&mut self, name: &str, slots: u32) -> Vec<Command> {
        self.tell(Event::Joined { worker: worker(name), slots })
    }

    pub fn leave(&mut self, name: &str) -> Vec<Command> {
        self.tell(Event::Left { worker: worker(name) })
    }

    pub fn beat(&mut self, name: &str) -> Vec<Command> {
        self.tell(Event::Beat { worker: worker(name) })
    }

    pub fn finish(&mut self, by: &str, task: &TaskKey, attempt: u32, how: Outcome) -> Vec<Command> {
        let (worker, task) = (worker(by), task.clone());
        self.tell(Event::Finished { worker, task, attempt, outcome: how })
    }

    pub fn done(&mut self, by: &str, task: &TaskKey, attempt: u32) -> Vec<Command> {
        self.finish(by, task, attempt, Outcome::Done(Facts::default()))
    }

    /// Lets seconds pass with a tick in each; the workers in `beating` beat.
    pub fn wait(&mut self, seconds: u64, beating: &[&str]) -> Vec<Command> {
        let mut commands = Vec::new();
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            for name in beating {
                commands.extend(self.beat(name));
            }
            commands.extend(self.tell(Event::Tick));
        }
        commands
    }

    /// Finishes everything that is held, again and again, until nothing is; with `tasks` for
    /// evidence and `bytes` of runs from each task.
    pub fn run_out(&mut self, names: &[&str], bytes: u64, tasks: u32) -> Vec<Command> {
        let mut commands = Vec::new();
        loop {
            let held = names.iter().flat_map(|name| {
                self.ledger.held(&worker(name)).into_iter().map(move |held| (*name, held))
            });
            let Some((name, (task, attempt))) = held.min_by_key(|(_, (task, _))| task.clone())
            else {
                return commands;
            };
            let tasks = if task.stage == Stage::Choose { tasks } else { 0 };
            let facts = Facts { bytes, tasks, reused: 0 };
            commands.extend(self.finish(name, &task, attempt, Outcome::Done(facts)));
        }
    }

    pub fn ending(&self, name: &str) -> Option<&Ending> {
        self.ledger.ended.get(&audit(name))
    }

    /// The reason of an audit that failed.
    pub fn reason(&self, name: &str) -> &str {
        match self.ending(name) {
            Some(Ending::Failed(reason)) => reason,
            other => panic!("expected a failure, got {other:?}"),
        }
    }
}
