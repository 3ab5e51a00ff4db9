//! Real processes: whatever dies, hangs or lies on the way, the report has the bytes of the
//! embedded audit. Names begin with the row of the fault table that they prove.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use taster_planning::schedule::Stage;
use taster_tests::cluster::{Cluster, ClusterPlan};
use taster_tests::command::{Outcome, audit};
use taster_tests::corpora::{self, Plan};
use taster_tests::fault_proxy::{Fault, FaultProxy, Script, at_random, for_a_while, never};
use taster_tests::places;
use taster_tests::s3_server::{S3Server, SECRET_KEY};
use taster_tests::tables::{assert_same, output};

type Files = BTreeMap<String, Vec<u8>>;

/// Schedules of kills that are played.
const SEEDS: u64 = 20;
/// Slots of every worker.
const SLOTS: u64 = 2;
const SOON: Duration = Duration::from_secs(20);

struct Scene {
    corpus: TempDir,
    files: Files,
}

impl Scene {
    /// A corpus and its embedded audit.
    fn new(seed: u64) -> Self {
        let corpus = tempfile::tempdir().unwrap();
        let plan = Plan { seed, shards: 8, rows: 500, group_rows: 100, poisoned: 60 };
        corpora::write(corpus.path(), &plan);
        let out = tempfile::tempdir().unwrap();
        let (input, path) = (corpus.path().to_str().unwrap(), out.path().to_str().unwrap());
        let _ = audit(input, path, &[]).run().expect_code(&[0, 1]);
        Self { files: output(out.path()), corpus }
    }

    fn assert_same_report(&self, what: &str, server: &S3Server, out: &str) {
        let mut files = server.download("data", out);
        assert!(files.remove("run.json").is_some(), "{what}: no run.json in {out}");
        assert_same(what, &self.files, &files);
    }
}

/// One corpus and its embedded audit, for all tests that need no other.
fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| Scene::new(7))
}

/// Submits an audit of a corpus that was never audited on this store, so that nothing is found
/// done; where its report goes.
fn submit_new(cluster: &Cluster, server: &S3Server, id: &str, scene: &Scene) -> String {
    let out = format!("out/{id}");
    server.upload("data", &format!("in-{id}"), scene.corpus.path());
    cluster.submit(id, &format!("s3://data/in-{id}"), &format!("s3://data/{out}"));
    out
}

/// A server with the corpus below `s3://data/in`.
fn server() -> S3Server {
    let server = S3Server::start(&["data"]);
    server.upload("data", "in", scene().corpus.path());
    server
}

fn plan_on(environment: BTreeMap<String, String>) -> ClusterPlan {
    ClusterPlan { environment, ..ClusterPlan::new("s3://data/work", &["s3://data/"]) }
}

fn cluster_on(server: &S3Server, workers: usize) -> Cluster {
    Cluster::start(plan_on(server.environment()), workers)
}

fn assert_same_report(what: &str, server: &S3Server, out: &str) {
    scene().assert_same_report(what, server, out);
}

fn assert_done(cluster: &Cluster, id: &str) -> Outcome {
    let outcome = cluster.watch(id);
    assert!(
        outcome.code == Some(0) && outcome.stdout.contains("done"),
        "{}{}\n{}",
        outcome.stdout,
        outcome.stderr,
        cluster.said()
    );
    outcome
}

#[test]
fn three_workers_give_the_bytes_of_the_embedded_audit() {
    let server = server();
    let cluster = cluster_on(&server, 3);
    for id in ["first", "second"] {
        cluster.submit(id, "s3://data/in", &format!("s3://data/out/{id}"));
    }
    for id in ["first", "second"] {
        let _ = assert_done(&cluster, id);
        assert_same_report(id, &server, &format!("out/{id}"));
    }
    let listed = cluster.client(["list", "--output", "jsonl"]).run().expect_code(&[0]);
    assert_eq!(listed.stdout.matches("\"state\":\"done\"").count(), 2, "{}", listed.stdout);
    let report = cluster.client(["report", "first", "--output", "json"]).run();
    let report = report.expect_code(&[0, 1]).stdout;
    assert!(report.contains("zarquon"), "{report}");
    let waited = cluster.client([
        "submit",
        "s3://data/in",
        "--out",
        "s3://data/out/third",
        "--id",
        "third",
        "--wait",
        "--fail-on",
        "never",
    ]);
    let waited = waited.run().expect_code(&[0]);
    assert!(waited.stdout.contains("zarquon"), "{}", waited.stdout);
    assert!(!cluster.said().contains(SECRET_KEY), "the secret key is shown");
}

#[test]
fn folders_do_as_well_as_stores() {
    let scratch = tempfile::tempdir().unwrap();
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let input = scene().corpus.path().to_str().unwrap();
    let allow = [input, scratch.path().to_str().unwrap()];
    let cluster = Cluster::start(ClusterPlan::new(&path("work"), &allow), 2);
    cluster.submit("local", input, &path("out"));
    let _ = assert_done(&cluster, "local");
    let mut files = output(&scratch.path().join("out"));
    files.remove("run.json");
    assert_same("folders", &scene().files, &files);
}

#[test]
fn row_01_killed_workers_change_nothing() {
    let server = server();
    let first = places::seed();
    let (mut work, began) = (Work::default(), Instant::now());
    // All kills of a seed may meet the same task, which then must not be taken for the killer.
    let coordinator = ["--max-losses", "10"].map(str::to_owned).to_vec();
    let plan = ClusterPlan { coordinator, ..plan_on(server.environment()) };
    let mut cluster = Cluster::start(plan, 3);
    for seed in first..first + SEEDS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (id, scene) = (format!("kill-{seed}"), Scene::new(seed));
        let out = submit_new(&cluster, &server, &id, &scene);
        let kills = random.random_range(1..=3);
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(random.random_range(0..400)));
            let victim = random.random_range(0..cluster.workers.len());
            cluster.workers[victim].kill();
            cluster.replace_worker(victim);
        }
        let _ = assert_done(&cluster, &id);
        scene.assert_same_report(&format!("seed {seed}"), &server, &out);
        work.add(&cluster, &id, kills);
        assert!(work.again() <= work.in_flight + work.backups, "seed {seed}: {work:?}");
    }
    let again = work.again();
    eprintln!("{SEEDS} seeds in {:?}, {again} tasks given out again: {work:?}", began.elapsed());
}

/// How much was done over several audits on one cluster.
#[derive(Debug, Default)]
struct Work {
    kills: u64,
    tasks: u64,
    /// Attempts of these tasks.
    attempts: u64,
    /// Those that began beside another one.
    backups: u64,
    /// Most tasks that can have been in flight on workers when these were killed.
    in_flight: u64,
}

impl Work {
    /// One more audit, over which so many workers were killed.
    fn add(&mut self, cluster: &Cluster, id: &str, kills: u64) {
        self.kills += kills;
        self.tasks += cluster.tasks(id);
        self.in_flight += kills * SLOTS;
        self.attempts = cluster.metric("taster_attempts_started_total");
        let backups = |stage| {
            let line =
                format!("taster_attempts_started_total{{stage=\"{stage}\",backup=\"true\"}}");
            cluster.metric(&line)
        };
        self.backups = Stage::ALL.into_iter().map(|stage| backups(stage.name())).sum();
    }

    /// Attempts beyond the first of every task: the work that was done twice, at most.
    fn again(&self) -> u64 {
        self.attempts.saturating_sub(self.tasks)
    }
}

#[test]
fn row_02_a_frozen_worker_is_replaced_and_does_no_harm_when_it_wakes() {
    let server = server();
    let mut cluster = cluster_on(&server, 2);
    cluster.submit("frozen", "s3://data/in", "s3://data/out");
    std::thread::sleep(Duration::from_millis(150));
    cluster.workers[0].signal("STOP");
    let _ = assert_done(&cluster, "frozen");
    cluster.workers[0].signal("CONT");
    assert_same_report("frozen", &server, "out");
    cluster.submit("again", "s3://data/in", "s3://data/again");
    let _ = assert_done(&cluster, "again");
    assert!(cluster.workers[0].runs(), "{}", cluster.workers[0].said());
    assert_same_report("after waking", &server, "again");
}

#[test]
fn row_08_killed_coordinators_lose_nothing() {
    let server = server();
    let first = places::seed();
    let worker = ["--log", "json", "--log-level", "debug"].map(str::to_owned).to_vec();
    let plan = ClusterPlan { worker, ..plan_on(server.environment()) };
    let mut cluster = Cluster::start(plan, 2);
    let mut restarts = 0;
    for seed in first..first + 5 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (id, scene) = (format!("restart-{seed}"), Scene::new(seed));
        let out = submit_new(&cluster, &server, &id, &scene);
        for _ in 0..random.random_range(1..=2) {
            std::thread::sleep(Duration::from_millis(random.random_range(0..600)));
            cluster.coordinator.kill();
            cluster.restart_coordinator();
            restarts += 1;
        }
        let _ = assert_done(&cluster, &id);
        scene.assert_same_report(&format!("seed {seed}"), &server, &out);
    }
    let times = cluster.carried_out();
    let twice: u64 = times.values().map(|times| times - 1).sum();
    let in_flight = restarts * SLOTS * cluster.workers.len() as u64;
    let tasks = times.len();
    eprintln!("{restarts} restarts over {tasks} tasks, {twice} carried out twice");
    assert!(tasks > 100, "{tasks}");
    assert!(twice <= in_flight, "{twice} carried out twice, {in_flight} at most in flight");
}

#[test]
fn row_09_the_younger_of_two_coordinators_goes_on() {
    let server = server();
    let mut cluster = cluster_on(&server, 1);
    let mut rival = cluster.rival();
    let code = cluster.coordinator.wait(SOON);
    assert_eq!(code, Some(4), "{}", cluster.coordinator.said());
    assert!(cluster.coordinator.said().contains("epoch"), "{}", cluster.coordinator.said());
    assert!(rival.runs(), "{}", rival.said());
}

#[test]
fn row_10_without_workers_an_audit_fails_and_says_why() {
    let server = server();
    let plan = ClusterPlan { worker_grace: "2s", ..plan_on(server.environment()) };
    let cluster = Cluster::start(plan, 0);
    cluster.submit("lonely", "s3://data/in", "s3://data/out");
    let outcome = cluster.watch("lonely").expect_code(&[4]);
    assert!(outcome.stdout.contains("failed") && outcome.stdout.contains("worker"), "{outcome:?}");
}

#[test]
fn row_16_a_terminated_worker_gives_its_tasks_back_in_time() {
    let server = server();
    let mut cluster = cluster_on(&server, 2);
    cluster.submit("drain", "s3://data/in", "s3://data/out");
    std::thread::sleep(Duration::from_millis(200));
    cluster.workers[0].signal("TERM");
    assert_eq!(cluster.workers[0].wait(SOON), Some(143), "{}", cluster.workers[0].said());
    let _ = assert_done(&cluster, "drain");
    assert_same_report("drained", &server, "out");
}

#[test]
fn row_17_a_terminated_coordinator_ends_in_time_although_a_client_is_silent() {
    let server = server();
    let mut cluster = cluster_on(&server, 1);
    let address = cluster.url().trim_start_matches("http://").to_owned();
    let _silent = std::net::TcpStream::connect(address).unwrap();
    cluster.submit("interrupted", "s3://data/in", "s3://data/out");
    cluster.coordinator.signal("TERM");
    assert_eq!(cluster.coordinator.wait(SOON), Some(143), "{}", cluster.coordinator.said());
    cluster.restart_coordinator();
    let _ = assert_done(&cluster, "interrupted");
    assert_same_report("interrupted", &server, "out");
}

#[test]
fn row_46_a_submission_may_not_name_what_is_not_allowed() {
    let server = server();
    let cluster = cluster_on(&server, 0);
    for (input, out) in [
        ("s3://other/in", "s3://data/out"),
        ("s3://data/in", "s3://other/out"),
        ("/etc", "s3://data/out"),
        ("s3://data/in", "/var/spool/out"),
        ("file:///etc", "s3://data/out"),
        ("s3://data/../other", "s3://data/out"),
    ] {
        let refused = cluster.client(["submit", input, "--out", out]).run();
        assert_eq!(refused.code, Some(2), "{input} {out}: {refused:?}");
    }
}

#[test]
fn cancelling_ends_an_audit() {
    let server = server();
    let cluster = cluster_on(&server, 0);
    cluster.submit("unwanted", "s3://data/in", "s3://data/out");
    let _ = cluster.client(["cancel", "unwanted"]).run().expect_code(&[0]);
    let outcome = cluster.watch("unwanted").expect_code(&[4]);
    assert!(outcome.stdout.contains("cancelled"), "{outcome:?}");
}

/// A cluster whose every request goes through a proxy on which things go wrong.
fn through_faults(what: &str, script: Script) {
    let server = server();
    let proxy = FaultProxy::start(server.address(), never());
    let mut environment = server.environment();
    environment.insert("AWS_ENDPOINT".to_owned(), proxy.endpoint());
    let cluster = Cluster::start(plan_on(environment), 2);
    cluster.submit("faulty", "s3://data/in", "s3://data/out");
    proxy.script(script);
    let _ = assert_done(&cluster, "faulty");
    proxy.script(never());
    assert_same_report(what, &server, "out");
    let (requests, counts) = proxy.counts();
    eprintln!("{what}: {requests} requests, {counts:?}");
    assert!(!counts.is_empty(), "nothing went wrong in {requests} requests");
}

#[test]
fn row_19_a_store_that_is_overloaded_is_waited_for() {
    let faults = &[Fault::Refuse(503), Fault::Refuse(500), Fault::Refuse(429)];
    through_faults("overloaded", at_random(places::seed(), 8, &[], faults));
}

#[test]
fn row_20_answers_that_do_not_come_are_not_waited_for_for_ever() {
    let faults = &[Fault::Hang(1500), Fault::Drop];
    through_faults("hanging", at_random(places::seed(), 60, &[], faults));
}

#[test]
fn row_21_truncated_answers_are_read_again() {
    through_faults("truncated", at_random(places::seed(), 8, &["GET"], &[Fault::Truncate]));
}

#[test]
fn row_25_what_was_created_although_the_answer_said_otherwise_is_found() {
    let faults = &[Fault::AnswerAfter(500), Fault::DropAfter, Fault::Refuse(409)];
    through_faults("created", at_random(places::seed(), 4, &["PUT"], faults));
}

#[test]
fn row_26_a_store_that_ignores_conditions_is_noticed_and_gives_the_same_bytes() {
    let server = server();
    let script = at_random(places::seed(), 1, &["PUT"], &[Fault::IgnoreConditions]);
    let proxy = FaultProxy::start(server.address(), script);
    let mut environment = server.environment();
    environment.insert("AWS_ENDPOINT".to_owned(), proxy.endpoint());
    let cluster = Cluster::start(plan_on(environment), 2);
    cluster.submit("careless", "s3://data/in", "s3://data/out");
    let _ = assert_done(&cluster, "careless");
    assert_same_report("careless", &server, "out");
    let said = cluster.coordinator.said();
    assert!(said.contains("WARN") && said.contains("overwrites objects"), "{said}");
}

#[test]
fn row_28_expired_credentials_are_trouble_and_not_bad_shards() {
    let (soon, span) = (Duration::from_millis(300), Duration::from_secs(3));
    let faults = &[Fault::ExpiredToken, Fault::Refuse(403)];
    through_faults("expired", for_a_while(soon, span, faults));
}
