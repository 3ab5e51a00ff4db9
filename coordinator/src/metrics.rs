//! What is counted. No label grows with the corpus or the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry as Page;
use taster_planning::schedule::{Ending, Outcome, Stage};

use crate::clock::unix_seconds;
use crate::registry::{AuditState, Registry};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    stage: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Started {
    stage: &'static str,
    backup: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    op: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageState {
    stage: &'static str,
    state: &'static str,
}

type Number = Gauge<u64, AtomicU64>;

/// The counters of one coordinator.
#[derive(Debug)]
pub(crate) struct Metrics {
    page: Page,
    attempts: Family<Attempt, Counter>,
    started: Family<Started, Counter>,
    lapses: Counter,
    requests: Family<Request, Counter>,
    retries: Counter,
    audits: Family<State, Number>,
    shards: Family<State, Number>,
    tasks: Family<StageState, Number>,
    merged: Gauge<f64, AtomicU64>,
    workers: Number,
    slots: Number,
    epoch: Number,
    last_success: Gauge,
}

impl Metrics {
    /// Counters at zero.
    pub(crate) fn new() -> Arc<Self> {
        let mut metrics = Self {
            page: Page::with_prefix("taster"),
            attempts: Family::default(),
            started: Family::default(),
            lapses: Counter::default(),
            requests: Family::default(),
            retries: Counter::default(),
            audits: Family::default(),
            shards: Family::default(),
            tasks: Family::default(),
            merged: Gauge::default(),
            workers: Number::default(),
            slots: Number::default(),
            epoch: Number::default(),
            last_success: Gauge::default(),
        };
        metrics.register_work();
        metrics.register_operations();
        Arc::new(metrics)
    }

    fn register_work(&mut self) {
        let page = &mut self.page;
        page.register("audits", "Audits by state", self.audits.clone());
        page.register("shards", "Shards of running audits, by state", self.shards.clone());
        page.register("tasks", "Tasks of running audits, by stage and state", self.tasks.clone());
        let help = "Share of the merge stages (screen, score) begun by running audits that is done";
        page.register("merge_progress_ratio", help, self.merged.clone());
        let help = "Tasks that workers said had ended, by stage and outcome";
        page.register("attempts", help, self.attempts.clone());
        let help = "Tasks that were given to workers, by stage and whether beside another attempt";
        page.register("attempts_started", help, self.started.clone());
        let help = "Tasks whose worker was silent for a lease";
        page.register("lease_expirations", help, self.lapses.clone());
        let help = "When the last audit was done, seconds since the Unix epoch";
        page.register("audit_last_success_timestamp_seconds", help, self.last_success.clone());
    }

    fn register_operations(&mut self) {
        let page = &mut self.page;
        page.register("workers", "Workers that converse now", self.workers.clone());
        page.register("worker_slots", "Tasks that these workers can run", self.slots.clone());
        page.register("epoch", "Epoch of this coordinator", self.epoch.clone());
        let help = "Records read and written, by operation and outcome";
        page.register("store_requests", help, self.requests.clone());
        let help = "Records that were tried again";
        page.register("store_retries", help, self.retries.clone());
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        page.register("build", "The program", build);
    }

    /// A worker said how a task ended.
    pub(crate) fn attempt(&self, stage: Stage, outcome: &Outcome) {
        let outcome = match outcome {
            Outcome::Done(_) => "done",
            Outcome::BadShard(_) => "bad_shard",
            Outcome::Trouble(_) => "trouble",
            Outcome::Failed(_) => "failed",
            Outcome::Released => "released",
        };
        self.attempts.get_or_create(&Attempt { stage: stage.name(), outcome }).inc();
    }

    /// A task was given to a worker; `backup` if another attempt of it runs already.
    pub(crate) fn started(&self, stage: Stage, backup: bool) {
        let backup = if backup { "true" } else { "false" };
        self.started.get_or_create(&Started { stage: stage.name(), backup }).inc();
    }

    /// A lease lapsed.
    pub(crate) fn lapsed(&self) {
        self.lapses.inc();
    }

    /// A record was read or written.
    pub(crate) fn store_request(&self, op: &'static str, outcome: &'static str) {
        self.requests.get_or_create(&Request { op, outcome }).inc();
        if outcome == "retried" {
            self.retries.inc();
        }
    }

    /// An audit ended.
    pub(crate) fn ended(&self, ending: &Ending) {
        if *ending == Ending::Done {
            self.last_success.set(unix_seconds());
        }
    }

    /// The epoch is taken.
    pub(crate) fn epoch(&self, epoch: u64) {
        self.epoch.set(epoch);
    }

    /// So many workers converse now, with so many slots.
    pub(crate) fn workers(&self, workers: usize, slots: u64) {
        self.workers.set(workers as u64);
        self.slots.set(slots);
    }

    /// How far all audits are.
    pub(crate) fn audits(&self, registry: &Registry) {
        let mut tally = Tally::default();
        registry.each(|audit| tally.add(audit));
        self.merged.set(tally.merged());
        for (state, count) in tally.audits {
            self.audits.get_or_create(&State { state }).set(count);
        }
        for (state, count) in tally.shards {
            self.shards.get_or_create(&State { state }).set(count);
        }
        for ((stage, state), count) in tally.tasks {
            self.tasks.get_or_create(&StageState { stage, state }).set(count);
        }
    }

    /// All of them as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.page);
        text
    }
}

/// Sums over all audits, with zeros for what there is none of.
struct Tally {
    audits: BTreeMap<&'static str, u64>,
    shards: BTreeMap<&'static str, u64>,
    tasks: BTreeMap<(&'static str, &'static str), u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let zeros = |names: &[&'static str]| names.iter().map(|name| (*name, 0)).collect();
        let states = ["waiting", "running", "done"];
        let tasks = Stage::ALL.iter().flat_map(|stage| states.map(|state| (stage.name(), state)));
        Self {
            audits: zeros(&["running", "done", "failed", "cancelled"]),
            shards: zeros(&["audited", "excluded"]),
            tasks: tasks.map(|key| (key, 0)).collect(),
        }
    }
}

impl Tally {
    /// Share of the tasks of merge stages that is done; 0 if there are none.
    fn merged(&self) -> f64 {
        let merges = [Stage::Screen, Stage::Score].map(Stage::name);
        let of = |wanted: &dyn Fn(&str) -> bool| -> u64 {
            let tasks = self.tasks.iter();
            let of = tasks.filter(|((stage, state), _)| merges.contains(stage) && wanted(state));
            of.map(|(_, count)| count).sum()
        };
        let (done, all) = (of(&|state| state == "done"), of(&|_| true));
        done as f64 / all.max(1) as f64
    }

    fn add(&mut self, audit: &AuditState) {
        let state = match audit.ending {
            None => "running",
            Some(Ending::Done) => "done",
            Some(Ending::Failed(_)) => "failed",
            Some(Ending::Cancelled) => "cancelled",
        };
        *self.audits.entry(state).or_default() += 1;
        if audit.ending.is_some() {
            return;
        }
        let excluded = u64::from(audit.generation);
        *self.shards.entry("excluded").or_default() += excluded;
        let audited = audit.origin.shards.saturating_sub(excluded);
        *self.shards.entry("audited").or_default() += audited;
        for view in &audit.stages {
            let waiting = view.tasks.saturating_sub(view.done).saturating_sub(view.running);
            let counts = [("waiting", waiting), ("running", view.running), ("done", view.done)];
            for (state, count) in counts {
                *self.tasks.entry((view.stage.name(), state)).or_default() += u64::from(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Origin;
    use taster_planning::schedule::{AuditId, Facts, StageView};

    fn running(registry: &Registry, id: String) {
        let count = StageView { stage: Stage::Count, tasks: 9, done: 4, reused: 0, running: 2 };
        let screen = StageView { stage: Stage::Screen, tasks: 4, done: 1, reused: 0, running: 2 };
        let origin = Origin {
            inputs: vec!["s3://b/secret-name".into()],
            out: "s3://b/o".into(),
            submitted_unix_seconds: 0,
            shards: 5,
            text_bytes: 0,
        };
        let state = AuditState {
            origin: origin.into(),
            generation: 1,
            stages: vec![count, screen],
            ending: None,
        };
        registry.insert(&AuditId(id), state);
    }

    #[test]
    fn what_happened_can_be_read() {
        let (metrics, registry) = (Metrics::new(), Registry::default());
        running(&registry, "a".into());
        metrics.audits(&registry);
        metrics.attempt(Stage::Count, &Outcome::Done(Facts::default()));
        metrics.started(Stage::Count, false);
        metrics.started(Stage::Count, true);
        metrics.lapsed();
        metrics.store_request("end", "retried");
        metrics.epoch(7);
        metrics.workers(2, 16);
        metrics.ended(&Ending::Done);
        let text = metrics.text();
        for line in [
            "taster_audits{state=\"running\"} 1",
            "taster_audits{state=\"failed\"} 0",
            "taster_shards{state=\"audited\"} 4",
            "taster_shards{state=\"excluded\"} 1",
            "taster_tasks{stage=\"count\",state=\"waiting\"} 3",
            "taster_attempts_total{stage=\"count\",outcome=\"done\"} 1",
            "taster_merge_progress_ratio 0.25",
            "taster_attempts_started_total{stage=\"count\",backup=\"false\"} 1",
            "taster_attempts_started_total{stage=\"count\",backup=\"true\"} 1",
            "taster_lease_expirations_total 1",
            "taster_store_requests_total{op=\"end\",outcome=\"retried\"} 1",
            "taster_store_retries_total 1",
            "taster_epoch 7",
            "taster_workers 2",
            "taster_worker_slots 16",
            concat!("taster_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn row_52_labels_do_not_grow_with_audits_shards_and_workers() {
        let (metrics, registry) = (Metrics::new(), Registry::default());
        (0..1000).for_each(|number| running(&registry, format!("audit-{number}")));
        metrics.audits(&registry);
        let text = metrics.text();
        assert!(text.lines().count() < 100, "{}", text.lines().count());
        assert!(!text.contains("audit-1") && !text.contains("secret-name"));
    }
}
