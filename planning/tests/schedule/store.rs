//! A work store and the tasks over it, small enough to know the report beforehand: every output is
//! a number that follows from what it is made of.

use std::collections::{BTreeMap, BTreeSet};

use taster_planning::schedule::{
    AuditId, Ending, Facts, Outcome, Plan, Stage, StageRecord, TaskKey,
};
use taster_planning::{DigestBuilder, MERGE_SLICES, Quarantine, QuarantineReason, merge_ranges};

/// An output: its stage, its index, and the exclusions that it depends on.
type Key = (Stage, u32, BTreeSet<u32>);

/// What an audit is made of. Two neighbouring units are a shard.
#[derive(Debug, Clone)]
pub struct Corpus {
    pub units: u32,
    /// Run bytes of every unit.
    pub bytes: u64,
    /// Shards that turn bad after they were counted.
    pub bad: BTreeSet<u32>,
    /// Units that end every process that reads them.
    pub poison: BTreeSet<u32>,
}

pub fn shard_of(unit: u32) -> u32 {
    unit / 2
}

/// One audit in the store.
#[derive(Debug)]
pub struct Folder {
    pub corpus: Corpus,
    /// Excluded shards in the order of their commits.
    pub excluded: Vec<u32>,
    records: BTreeMap<(u32, Stage), StageRecord>,
    pub ending: Option<Ending>,
    outputs: BTreeMap<Key, u64>,
    pub report: Option<u64>,
}

/// What a task does to the process that runs it.
pub enum Effect {
    Ends(Outcome),
    /// The process is gone.
    Kills,
}

impl Folder {
    pub fn new(corpus: Corpus) -> Self {
        Self {
            corpus,
            excluded: Vec::new(),
            records: BTreeMap::new(),
            ending: None,
            outputs: BTreeMap::new(),
            report: None,
        }
    }

    /// What a coordinator reads when it starts.
    pub fn plan(&self) -> Plan {
        let generation = self.excluded.len() as u32;
        let record = |stage| self.records.get(&(generation, stage)).cloned();
        let complete = Stage::ALL.into_iter().map_while(record).collect();
        Plan { units: self.corpus.units, generation, complete }
    }

    pub fn record(&mut self, record: StageRecord) {
        self.records.insert((record.generation, record.stage), record);
    }

    /// Commits an exclusion, if it is the next. One of a shard that is left out already is a
    /// generation like any other.
    pub fn exclude(&mut self, generation: u32, shard: u32) -> bool {
        let fits = self.excluded.len() as u32 + 1 == generation;
        if fits {
            self.excluded.push(shard);
        }
        fits
    }

    fn excluded_at(&self, generation: u32) -> BTreeSet<u32> {
        self.excluded[..generation as usize].iter().copied().collect()
    }

    /// Runs a task: commits its output, unless it is there.
    pub fn run(&mut self, task: &TaskKey) -> Effect {
        let excluded = self.excluded_at(task.generation);
        let shard = shard_of(task.index);
        if task.stage.is_by_unit() {
            if excluded.contains(&shard) {
                return Effect::Ends(Outcome::Done(Facts::default()));
            }
            if self.corpus.poison.contains(&task.index) {
                return Effect::Kills;
            }
            if task.stage == Stage::Context && self.corpus.bad.contains(&shard) {
                return Effect::Ends(Outcome::BadShard(Quarantine {
                    shard: shard.to_string(),
                    reason: QuarantineReason::Changed,
                    detail: String::new(),
                }));
            }
        }
        Effect::Ends(Outcome::Done(self.commit(task, &excluded)))
    }

    fn commit(&mut self, task: &TaskKey, excluded: &BTreeSet<u32>) -> Facts {
        // What a unit leaves does not depend on other shards.
        let depends = if task.stage.is_by_unit() { BTreeSet::new() } else { excluded.clone() };
        let key = (task.stage, task.index, depends);
        let value = self.value(task, excluded);
        let before = self.outputs.insert(key, value);
        assert!(before.is_none_or(|before| before == value), "{task} has two outputs");
        if task.stage == Stage::Report && task.generation as usize == self.excluded.len() {
            self.report = Some(value);
        }
        let bytes = if task.stage.is_by_unit() { self.corpus.bytes } else { 0 };
        let tasks = if task.stage == Stage::Choose { errands(excluded) } else { 0 };
        Facts { bytes, tasks, reused: u32::from(before.is_some()) }
    }

    /// The output of a task, from the committed outputs of the stage before: all have to be there.
    fn value(&self, task: &TaskKey, excluded: &BTreeSet<u32>) -> u64 {
        let mut digest = DigestBuilder::new("simulated").text(task.stage.name());
        if !task.stage.is_by_unit() {
            let tasks = tasks(&self.corpus, excluded);
            let before = Stage::ALL.into_iter().take_while(|stage| *stage < task.stage);
            for (stage, index) in before.flat_map(|s| (0..tasks[&s]).map(move |i| (s, i))) {
                if stage.is_by_unit() && excluded.contains(&shard_of(index)) {
                    continue;
                }
                let by_unit = stage.is_by_unit();
                let depends = if by_unit { BTreeSet::new() } else { excluded.clone() };
                let value = self.outputs.get(&(stage, index, depends));
                let value = value.unwrap_or_else(|| panic!("{task} before {stage:?} {index}"));
                digest = digest.number(*value);
            }
        }
        let digest = digest.number(u64::from(task.index)).finish();
        let hex = digest.to_string();
        u64::from_str_radix(&hex[..16], 16).unwrap()
    }

    /// The report of a world without faults, in which these shards were left out from the start.
    pub fn expected_report(&self, audit: &AuditId) -> u64 {
        let mut quiet = Self::new(self.corpus.clone());
        quiet.excluded = self.excluded.clone();
        let generation = self.excluded.len() as u32;
        let tasks = tasks(&quiet.corpus, &quiet.excluded_at(generation));
        for stage in Stage::ALL {
            for index in 0..tasks[&stage] {
                let task = TaskKey { audit: audit.clone(), generation, stage, index };
                assert!(matches!(quiet.run(&task), Effect::Ends(Outcome::Done(_))), "{task}");
            }
        }
        quiet.report.unwrap()
    }

    /// Every unit is done or left out.
    pub fn assert_units_are_accounted_for(&self) {
        let excluded = self.excluded_at(self.excluded.len() as u32);
        for unit in 0..self.corpus.units {
            let done = |stage| self.outputs.contains_key(&(stage, unit, BTreeSet::new()));
            let done = Stage::ALL.into_iter().filter(|stage| stage.is_by_unit()).all(done);
            let out = excluded.contains(&shard_of(unit));
            assert!(done || out, "unit {unit} is neither done nor excluded");
        }
    }
}

fn errands(excluded: &BTreeSet<u32>) -> u32 {
    (excluded.iter().sum::<u32>() + 3) % 4
}

/// How many tasks the stages have.
fn tasks(corpus: &Corpus, excluded: &BTreeSet<u32>) -> BTreeMap<Stage, u32> {
    let units = (0..corpus.units).filter(|unit| !excluded.contains(&shard_of(*unit)));
    let bytes = units.count() as u64 * corpus.bytes;
    let ranges = merge_ranges(bytes, MERGE_SLICES).len() as u32;
    let of = |stage| match stage {
        Stage::Count | Stage::CountTriples | Stage::CountLonger | Stage::Context => corpus.units,
        Stage::Screen | Stage::ScreenTriples | Stage::ScreenLonger | Stage::Score => ranges,
        Stage::Choose | Stage::Report => 1,
        Stage::Evidence => errands(excluded),
    };
    Stage::ALL.into_iter().map(|stage| (stage, of(stage))).collect()
}
