//! What is counted. No label grows with the corpus or the cluster.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use taster_planning::schedule::{Outcome, Stage};
use taster_storage::{Traffic, documents_decoded, traffic};
use taster_tasks::tokens_cut;

use crate::outcome;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Attempt {
    stage: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    op: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStage {
    stage: &'static str,
}

type Durations = Family<OfStage, Histogram, fn() -> Histogram>;

/// The counters of one worker.
pub(crate) struct Metrics {
    registry: Registry,
    attempts: Family<Attempt, Counter>,
    durations: Durations,
    busy: Gauge<u64, AtomicU64>,
    connected: Gauge<u64, AtomicU64>,
    reconnects: Counter,
    silences: Counter,
    spilled: Counter,
}

impl Metrics {
    /// Counters at zero, of a worker with this many slots.
    pub(crate) fn new(slots: usize) -> Arc<Self> {
        let mut metrics = Self {
            registry: Registry::with_prefix("taster"),
            attempts: Family::default(),
            durations: Family::new_with_constructor(task_seconds),
            busy: Gauge::default(),
            connected: Gauge::default(),
            reconnects: Counter::default(),
            silences: Counter::default(),
            spilled: Counter::default(),
        };
        metrics.register_tasks(slots);
        metrics.register_conversation();
        Arc::new(metrics)
    }

    fn register_tasks(&mut self, slots: usize) {
        let all = Gauge::<u64, AtomicU64>::default();
        all.set(slots as u64);
        let registry = &mut self.registry;
        registry.register(
            "attempts",
            "Tasks that ended on this worker, by stage and outcome",
            self.attempts.clone(),
        );
        registry.register(
            "task_duration_seconds",
            "How long tasks ran, by stage",
            self.durations.clone(),
        );
        registry.register("worker_slots", "Tasks that can run at the same time", all);
        registry.register("worker_slots_busy", "Tasks that run now", self.busy.clone());
        let help = "Bytes of runs that tasks wrote for the stages that follow";
        registry.register("ngrams_spilled_bytes", help, self.spilled.clone());
        registry.register_collector(Box::new(Stores));
    }

    fn register_conversation(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "worker_connected",
            "Whether there is a conversation with a coordinator",
            self.connected.clone(),
        );
        registry.register(
            "worker_reconnects",
            "Conversations that began after the first one",
            self.reconnects.clone(),
        );
        registry.register(
            "worker_lease_expirations",
            "Conversations that ended because nothing was heard for a lease",
            self.silences.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The program", build);
    }

    /// A task ended after running for so long.
    pub(crate) fn ended(&self, stage: Stage, outcome: &Outcome, took: Duration) {
        let stage = stage.name();
        let attempt = Attempt { stage, outcome: outcome::name(outcome) };
        self.attempts.get_or_create(&attempt).inc();
        self.durations.get_or_create(&OfStage { stage }).observe(took.as_secs_f64());
        if let Outcome::Done(facts) = outcome
            && facts.reused == 0
        {
            self.spilled.inc_by(facts.bytes);
        }
    }

    /// So many slots are busy now.
    pub(crate) fn busy(&self, slots: usize) {
        self.busy.set(slots as u64);
    }

    /// A conversation began.
    pub(crate) fn opened(&self, first: bool) {
        self.connected.set(1);
        if !first {
            self.reconnects.inc();
        }
    }

    /// A conversation ended.
    pub(crate) fn parted(&self, silent: bool) {
        self.connected.set(0);
        if silent {
            self.silences.inc();
        }
    }

    /// All of them as OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// 10 ms to 5.8 hours.
/// What this process has asked of stores, read when it is asked for.
#[derive(Debug)]
struct Stores;

impl Collector for Stores {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let (requests, moved) = (Family::<Request, Counter>::default(), traffic());
        for Traffic { operation: op, done, failed, .. } in moved {
            for (outcome, count) in [("ok", done), ("failed", failed)] {
                requests.get_or_create(&Request { op, outcome }).inc_by(count);
            }
        }
        let help = "Requests to stores and folders, by operation and outcome after retries";
        let kind = requests.metric_type();
        requests.encode(encoder.encode_descriptor("store_requests", help, None, kind)?)?;
        let [read, written, ..] = moved.map(|traffic| traffic.bytes);
        for (name, help, count) in [
            ("bytes_read", "Bytes read from stores and folders", read),
            ("bytes_written", "Bytes written to stores and folders", written),
            ("documents", "Documents decoded, some more than once", documents_decoded()),
            ("tokens", "Tokens cut for counting, some more than once", tokens_cut()),
        ] {
            let counter = ConstCounter::new(count);
            let kind = counter.metric_type();
            counter.encode(encoder.encode_descriptor(name, help, None, kind)?)?;
        }
        Ok(())
    }
}

fn task_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 22))
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_planning::schedule::Facts;

    #[test]
    fn what_happened_can_be_read() {
        let metrics = Metrics::new(3);
        let facts = Facts { bytes: 5, ..Facts::default() };
        metrics.ended(Stage::Count, &Outcome::Done(facts), Duration::from_secs(2));
        metrics.busy(2);
        metrics.opened(true);
        metrics.parted(true);
        metrics.opened(false);
        let text = metrics.text();
        for line in [
            "taster_attempts_total{stage=\"count\",outcome=\"done\"} 1",
            "taster_task_duration_seconds_sum{stage=\"count\"} 2.0",
            "taster_ngrams_spilled_bytes_total 5",
            "taster_worker_slots 3",
            "taster_worker_slots_busy 2",
            "taster_worker_connected 1",
            "taster_worker_reconnects_total 1",
            "taster_worker_lease_expirations_total 1",
            concat!("taster_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
        for name in [
            "taster_store_requests_total{op=\"read\",outcome=\"ok\"} ",
            "taster_store_requests_total{op=\"write\",outcome=\"failed\"} ",
            "taster_bytes_read_total ",
            "taster_bytes_written_total ",
            "taster_documents_total ",
            "taster_tokens_total ",
        ] {
            assert_eq!(text.lines().filter(|l| l.starts_with(name)).count(), 1, "{name}\n{text}");
        }
    }

    #[test]
    fn row_52_labels_do_not_grow_with_shards_and_workers() {
        let metrics = Metrics::new(1);
        for stage in Stage::ALL {
            for outcome in [
                Outcome::Done(Facts::default()),
                Outcome::Trouble("t".into()),
                Outcome::Failed("f".into()),
                Outcome::Released,
            ] {
                (0..100).for_each(|_| metrics.ended(stage, &outcome, Duration::ZERO));
            }
        }
        let text = metrics.text();
        // What is told of a stage is told of each, whatever its tasks.
        let most = 40 * Stage::ALL.len();
        assert!(text.lines().count() < most, "{} of {most}", text.lines().count());
        assert!(!text.contains("shard=") && !text.contains("worker="));
    }
}
