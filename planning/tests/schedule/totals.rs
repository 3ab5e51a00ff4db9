//! What happened in many schedules.

use std::fmt;

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    pub schedules: u64,
    pub audits: u64,
    pub done: u64,
    pub cancelled: u64,
    /// Failed because there was no worker, an exclusion was refused, or a task that is no unit took
    /// too many workers with it.
    pub deserted: u64,
    pub refused: u64,
    pub given_up: u64,
    pub events: u64,
    pub restarts: u64,
    pub sleeps: u64,
    pub kills: u64,
    pub freezes: u64,
    pub partitions: u64,
    pub flaps: u64,
    pub drains: u64,
    pub lies: u64,
    pub repeats: u64,
    pub troubles: u64,
    pub lost_answers: u64,
    pub failures: u64,
    pub lost_records: u64,
    pub bad_shards: u64,
    pub poisoned: u64,
    pub backups: u64,
    pub assigned: u64,
    pub completed: u64,
    pub simulated_seconds: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.schedules += other.schedules;
        self.audits += other.audits;
        self.done += other.done;
        self.cancelled += other.cancelled;
        self.deserted += other.deserted;
        self.refused += other.refused;
        self.given_up += other.given_up;
        self.events += other.events;
        self.restarts += other.restarts;
        self.sleeps += other.sleeps;
        self.kills += other.kills;
        self.freezes += other.freezes;
        self.partitions += other.partitions;
        self.flaps += other.flaps;
        self.drains += other.drains;
        self.lies += other.lies;
        self.repeats += other.repeats;
        self.troubles += other.troubles;
        self.lost_answers += other.lost_answers;
        self.failures += other.failures;
        self.lost_records += other.lost_records;
        self.bad_shards += other.bad_shards;
        self.poisoned += other.poisoned;
        self.backups += other.backups;
        self.assigned += other.assigned;
        self.completed += other.completed;
        self.simulated_seconds += other.simulated_seconds;
    }

    /// Every kind of fault, and how often it happened.
    pub fn faults(&self) -> [(&'static str, u64); 16] {
        [
            ("a restart of the coordinator", self.restarts),
            ("a coordinator that sleeps", self.sleeps),
            ("a killed worker", self.kills),
            ("a frozen worker", self.freezes),
            ("a partition", self.partitions),
            ("a broken conversation", self.flaps),
            ("a draining worker", self.drains),
            ("a lie", self.lies),
            ("a repeated message", self.repeats),
            ("trouble with the store", self.troubles),
            ("a lost answer of the store", self.lost_answers),
            ("a failed task", self.failures),
            ("a lost record", self.lost_records),
            ("a shard that turned bad", self.bad_shards),
            ("a unit excluded as poison", self.poisoned),
            ("a backup attempt", self.backups),
        ]
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reassigned = self.assigned.saturating_sub(self.completed);
        writeln!(
            f,
            "{} schedules of {} audits over {} simulated s: {} done, {} cancelled; failed \
             as they had to: {} without a worker, {} refused, {} given up; {} events, {} assignments, {:.2} reassigned tasks per schedule",
            self.schedules,
            self.audits,
            self.simulated_seconds,
            self.done,
            self.cancelled,
            self.deserted,
            self.refused,
            self.given_up,
            self.events,
            self.assigned,
            reassigned as f64 / self.schedules as f64,
        )?;
        self.faults().iter().try_for_each(|(what, often)| writeln!(f, "  {often:>8} x {what}"))
    }
}
