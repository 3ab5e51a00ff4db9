//! Machines on bad days: a wrong clock, a full disk, few file descriptors, nothing to write on; and
//! a store with very many keys. Names begin with the row of the fault table that they prove.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use taster_tests::cluster::{Cluster, ClusterPlan};
use taster_tests::command::{audit, taster};
use taster_tests::corpora::{self, Plan};
use taster_tests::fault_proxy::{Fault, FaultProxy, always, never};
use taster_tests::listing_server::{Claim, ListingServer};
use taster_tests::s3_server::S3Server;
use taster_tests::tables::{assert_same, output};
use taster_tests::tiny_disk::TinyDisk;

const DONE: [i32; 2] = [0, 1];
const PATIENCE: Duration = Duration::from_secs(60);

/// A corpus and the report of its audit.
struct Scene {
    corpus: TempDir,
    report: TempDir,
}

fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let scene =
            Scene { corpus: tempfile::tempdir().unwrap(), report: tempfile::tempdir().unwrap() };
        let plan = Plan { poisoned: 60, rows: 500, group_rows: 100, ..Plan::default() };
        corpora::write(scene.corpus.path(), &plan);
        let _ = audit(scene.input(), text(scene.report.path()), &[]).run().expect_code(&DONE);
        scene
    })
}

impl Scene {
    fn input(&self) -> &str {
        text(self.corpus.path())
    }

    fn assert_same_report(&self, what: &str, out: &Path) {
        let mut files = output(out);
        files.remove("run.json");
        assert_same(what, &output(self.report.path()), &files);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A shell that sets a limit and becomes the command that it is given.
fn shell(script: &str) -> [String; 3] {
    let script = format!("{script}; exec \"$0\" \"$@\"");
    ["/bin/sh".to_owned(), "-c".to_owned(), script]
}

fn shell_of(words: &[String; 3]) -> [&str; 3] {
    words.each_ref().map(String::as_str)
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn row_06_a_wrong_clock_is_named_and_is_no_bad_shard() {
    let server = S3Server::start(&["data"]);
    server.upload("data", "in", scene().corpus.path());
    let proxy = FaultProxy::start(server.address(), always(Fault::Skewed));
    let mut environment = server.environment();
    environment.insert("AWS_ENDPOINT".to_owned(), proxy.endpoint());
    let out = tempfile::tempdir().unwrap();
    let (started, out) = (Instant::now(), out.path().join("out"));
    let skewed = audit("s3://data/in", text(&out), &[]).environment(&environment).run();
    let skewed = skewed.expect_code(&[4]);
    assert!(skewed.stderr.contains("this machine's clock"), "{}", skewed.stderr);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    proxy.script(never());
    let right = audit("s3://data/in", text(&out), &[]).environment(&environment).run();
    let _ = right.expect_code(&DONE);
    scene().assert_same_report("after the clock was set", &out);
}

#[test]
fn row_30_a_million_keys_are_listed_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { shards: 1, rows: 20, poisoned: 0, ..Plan::default() };
    corpora::write(folder.path(), &plan);
    let shard =
        bytes::Bytes::from(std::fs::read(folder.path().join("part-00000.parquet")).unwrap());
    let plan = |keys: u64| {
        let server = ListingServer::start(Claim { keys, every: 100, shard: shard.clone() });
        let environment = [
            ("AWS_ACCESS_KEY_ID", "a".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "b".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", server.endpoint()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ];
        let started = Instant::now();
        let taster = taster(["plan", "s3://data/in", "--output", "json"]).environment(environment);
        let outcome = taster.run().expect_code(&[0]);
        let plan: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        let (pages, reads) = server.counts();
        let mib = outcome.peak_bytes >> 20;
        let took = started.elapsed();
        eprintln!("{keys} keys: {pages} pages, {reads} reads, {mib} MiB at most, {took:?}");
        assert_eq!(plan["shards"], keys / 100, "{}", outcome.stdout);
        assert_eq!(pages, keys.div_ceil(1000));
        assert!(outcome.peak_bytes > 0, "memory was not seen");
        outcome.peak_bytes
    };
    // What the allocator keeps of pages levels off; what is held for each shard is little.
    let (few, many) = (plan(100_000), plan(1_000_000));
    assert!(many < few + (96 << 20), "{few} bytes for 10^5 keys, {many} for 10^6");
}

#[test]
fn row_41_a_full_disk_is_named_and_the_audit_goes_on_when_there_is_room() {
    let Some(disk) = TinyDisk::mount(512) else { return };
    let out = tempfile::tempdir().unwrap();
    let work = disk.name("work");
    let run = || audit(scene().input(), text(out.path()), &["--work", &work]).run();
    let full = run().expect_code(&[4]);
    let said = &full.stderr;
    assert!(said.contains(&work) && said.contains("No space left"), "{said}");
    assert!(said.contains(" bytes)"), "how much was to be written: {said}");
    assert!(output(out.path()).is_empty(), "a report without an audit");
    disk.grow(64 << 10);
    let _ = run().expect_code(&DONE);
    scene().assert_same_report("after there was room", out.path());
}

#[test]
fn row_41_a_report_that_does_not_fit_has_whole_files_and_no_run_record() {
    let Some(disk) = TinyDisk::mount(64) else { return };
    let work = tempfile::tempdir().unwrap();
    let out = disk.name("out");
    let run = || audit(scene().input(), &out, &["--work", text(work.path())]).run();
    let full = run().expect_code(&[4]);
    assert!(full.stderr.contains(&out) && full.stderr.contains("No space"), "{}", full.stderr);
    let whole = output(scene().report.path());
    let there = output(Path::new(&out));
    assert!(!there.contains_key("run.json"), "the last file is there");
    for (name, bytes) in there {
        assert!(whole.get(&name) == Some(&bytes), "{name} is half-written");
    }
    disk.grow(64 << 10);
    let _ = run().expect_code(&DONE);
    scene().assert_same_report("after there was room", Path::new(&out));
}

#[test]
fn row_41_a_limit_on_file_sizes_is_named_and_leaves_nothing_half_written() {
    let (out, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let run = || audit(scene().input(), text(out.path()), &["--work", text(work.path())]);
    // 64 blocks of 512 bytes; the signal that would end the process is ignored.
    let limit = shell("trap '' XFSZ; ulimit -f 64");
    let limited = run().under(&shell_of(&limit)).run().expect_code(&[4]);
    let said = &limited.stderr;
    assert!(said.contains(text(work.path())) && said.contains("too large"), "{said}");
    let _ = run().run().expect_code(&DONE);
    scene().assert_same_report("without the limit", out.path());
}

#[test]
fn row_41_a_full_disk_is_trouble_of_a_worker_that_passes() {
    let Some(disk) = TinyDisk::mount(512) else { return };
    let (work, out) = (disk.name("work"), tempfile::tempdir().unwrap());
    let allow = [scene().input(), text(out.path())];
    let cluster = Cluster::start(ClusterPlan::new(&work, &allow), 2);
    let report = out.path().join("report");
    cluster.submit("full", scene().input(), text(&report));
    let troubled = |cluster: &Cluster| {
        let said: Vec<_> = cluster.workers.iter().map(|worker| worker.said()).collect();
        said.iter().any(|said| said.contains("trouble") && said.contains("No space left"))
    };
    eventually("a worker in trouble", || troubled(&cluster));
    let said = cluster.said();
    assert!(said.contains(&work) && !said.contains("bad_shard"), "{said}");
    disk.grow(64 << 10);
    let _ = cluster.watch("full").expect_code(&[0]);
    scene().assert_same_report("after there was room", &report);
}

#[test]
fn row_42_few_file_descriptors_are_enough() {
    let out = tempfile::tempdir().unwrap();
    let few = shell("ulimit -n 32");
    let run = audit(scene().input(), text(out.path()), &["--threads", "2"]).under(&shell_of(&few));
    let _ = run.run().expect_code(&DONE);
    scene().assert_same_report("32 file descriptors", out.path());
}

#[test]
fn row_42_a_cluster_with_few_file_descriptors_outlasts_a_rush() {
    let server = S3Server::start(&["data"]);
    server.upload("data", "in", scene().corpus.path());
    let plan = ClusterPlan {
        environment: server.environment(),
        under: shell("ulimit -n 64").to_vec(),
        ..ClusterPlan::new("s3://data/work", &["s3://data/"])
    };
    let mut cluster = Cluster::start(plan, 2);
    let address = cluster.url().trim_start_matches("http://").to_owned();
    // More than it has descriptors for: it must neither end nor forget its workers.
    let rush: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(&address).ok()).collect();
    std::thread::sleep(Duration::from_millis(500));
    assert!(cluster.coordinator.runs(), "{}", cluster.coordinator.said());
    drop(rush);
    cluster.submit("few", "s3://data/in", "s3://data/out");
    let _ = cluster.watch("few").expect_code(&[0]);
    let mut files = server.download("data", "out");
    files.remove("run.json");
    assert_same("64 file descriptors", &output(scene().report.path()), &files);
}

/// A program that becomes the one it is given, in a world where one folder alone can be written;
/// `None`, said aloud, if this is not allowed.
fn read_only_but(folder: &Path) -> Option<Vec<String>> {
    let folder = text(folder);
    // `/proc` and `/dev` are mounts of their own and stay as they are.
    let world = format!("mount --bind {folder} {folder} && mount -o remount,ro,bind /");
    let mut words = vec!["/usr/bin/unshare".to_owned(), "--mount".to_owned()];
    words.extend(shell(&format!("{world} || exit 77")));
    let mut probe = Command::new(&words[0]);
    probe.args(&words[1..]).args(["/bin/sh", "-c"]);
    let script = format!("! touch /read-only 2>/dev/null && touch {folder}/probe");
    let status = probe.arg(script).stdin(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        std::fs::remove_file(Path::new(folder).join("probe")).unwrap();
        return Some(words);
    }
    eprintln!("SKIPPED: no right to make the root read-only; root has it");
    None
}

#[test]
fn row_42_one_writable_folder_and_no_environment_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let Some(words) = read_only_but(folder.path()) else { return };
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let out = folder.path().join("out");
    let run = audit(scene().input(), text(&out), &[]).bare().under(&words).run();
    let _ = run.expect_code(&DONE);
    scene().assert_same_report("a read-only root", &out);
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = audit(scene().input(), text(&elsewhere.path().join("out")), &[]);
    let refused = refused.bare().under(&words).run().expect_code(&[2, 4]);
    assert!(refused.stderr.contains("Read-only file system"), "{}", refused.stderr);
}

#[test]
fn row_42_coordinator_and_workers_write_nothing_but_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let Some(under) = read_only_but(folder.path()) else { return };
    let server = S3Server::start(&["data"]);
    server.upload("data", "in", scene().corpus.path());
    let plan = ClusterPlan {
        environment: server.environment(),
        under,
        ..ClusterPlan::new("s3://data/work", &["s3://data/"])
    };
    let cluster = Cluster::start(plan, 2);
    cluster.submit("sealed", "s3://data/in", "s3://data/out");
    let _ = cluster.watch("sealed").expect_code(&[0]);
    let mut files = server.download("data", "out");
    files.remove("run.json");
    assert_same("a read-only root", &output(scene().report.path()), &files);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
