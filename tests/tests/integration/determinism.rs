//! Output bytes depend on the corpus and the parameters, and on nothing else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use taster_planning::{Parameters, Signature};
use taster_storage::Store;
use taster_tasks::{AuditRequest, Resources, Silent};
use taster_tests::command::audit;
use taster_tests::corpora::{self, Plan};
use taster_tests::places;
use taster_tests::s3_server::S3Server;
use taster_tests::tables::{assert_same, output};

type Files = BTreeMap<String, Vec<u8>>;

/// An audit that was done ends with one of these.
const DONE: [i32; 2] = [0, 1];

struct Corpus {
    folder: TempDir,
    /// What an audit of it writes.
    files: Files,
}

impl Corpus {
    fn input(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }
}

fn plan() -> Plan {
    Plan { shards: 6, rows: 800, group_rows: 100, poisoned: 60, ..Plan::default() }
}

/// One corpus and its audit, for all tests here.
fn corpus() -> &'static Corpus {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        corpora::write(folder.path(), &plan());
        let files = files_of(folder.path().to_str().unwrap(), &["--threads", "1"]);
        let findings = String::from_utf8_lossy(&files["findings.jsonl"]);
        assert!(findings.contains("zarquon"), "the planted trigger is not found: {findings}");
        Corpus { folder, files }
    })
}

/// What a fresh audit writes.
fn files_of(input: &str, more: &[&str]) -> Files {
    let out = tempfile::tempdir().unwrap();
    let _ = audit(input, out.path().to_str().unwrap(), more).run().expect_code(&DONE);
    output(out.path())
}

#[test]
fn threads_change_nothing() {
    let corpus = corpus();
    for threads in ["2", "4", "7"] {
        let files = files_of(corpus.input(), &["--threads", threads]);
        assert_same(&format!("{threads} threads"), &corpus.files, &files);
    }
}

#[test]
fn memory_changes_nothing() {
    let corpus = corpus();
    for memory in ["64MiB", "300MiB", "4GiB"] {
        let files = files_of(corpus.input(), &["--memory", memory, "--threads", "2"]);
        assert_same(memory, &corpus.files, &files);
    }
}

#[test]
fn units_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &plan());
    let input = folder.path().to_str().unwrap();
    let expected = in_process(input, None, 1);
    for (unit_bytes, threads) in [(1, 2), (40_000, 1), (300_000, 3), (1 << 40, 2)] {
        let files = in_process(input, Some(unit_bytes), threads);
        assert_same(&format!("units of {unit_bytes} bytes"), &expected, &files);
    }
}

#[test]
fn command_and_library_agree() {
    let corpus = corpus();
    assert_same("library", &corpus.files, &in_process(corpus.input(), None, 2));
}

/// The same audit by the library, which takes settings that the command has no option for.
fn in_process(input: &str, unit_bytes: Option<u64>, threads: usize) -> Files {
    let scratch = tempfile::tempdir().unwrap();
    let out = scratch.path().join("out");
    let request = AuditRequest {
        inputs: vec![input.to_owned()],
        work: scratch.path().join("work").to_str().unwrap().to_owned(),
        parameters: Parameters {
            signatures: Signature::defaults().unwrap(),
            ..Parameters::default()
        },
        resources: Resources { threads, memory_bytes: 1 << 30, unit_bytes },
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let audit = taster_tasks::audit(&request, runtime.handle(), &Silent).unwrap();
    let store = Store::open(out.to_str().unwrap(), runtime.handle()).unwrap();
    audit.write(&store).unwrap();
    output(&out)
}

#[test]
fn a_second_run_reuses_and_changes_nothing() {
    let corpus = corpus();
    let scratch = tempfile::tempdir().unwrap();
    let work = scratch.path().join("work");
    for run in ["first", "second"] {
        let out = scratch.path().join(run);
        let more = ["--work", work.to_str().unwrap()];
        let _ = audit(corpus.input(), out.to_str().unwrap(), &more).run().expect_code(&DONE);
        assert_same(run, &corpus.files, &output(&out));
    }
}

#[test]
fn kills_change_nothing() {
    let corpus = corpus();
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    let whole = duration_of(corpus);
    let mut killed = 0;
    for round in 0..6 {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().to_str().unwrap();
        for _ in 0..random.random_range(1..4) {
            let delay = whole.mul_f64(random.random_range(0.02..0.95));
            killed +=
                u32::from(audit(corpus.input(), path, &["--threads", "2"]).run_and_kill(delay));
        }
        let _ = audit(corpus.input(), path, &["--threads", "2"]).run().expect_code(&DONE);
        assert_same(&format!("round {round}"), &corpus.files, &output(out.path()));
    }
    assert!(killed >= 3, "only {killed} runs were killed: nothing was shown");
}

fn duration_of(corpus: &Corpus) -> Duration {
    let started = Instant::now();
    let _ = files_of(corpus.input(), &["--threads", "2"]);
    started.elapsed()
}

#[test]
fn damaged_work_is_never_believed() {
    let corpus = corpus();
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    let scratch = tempfile::tempdir().unwrap();
    let work = scratch.path().join("work");
    let more = ["--work", work.to_str().unwrap()];
    let first = scratch.path().join("first");
    let _ = audit(corpus.input(), first.to_str().unwrap(), &more).run().expect_code(&DONE);
    let mut damaged = 0;
    visit(&work, &mut |path| {
        let mut bytes = std::fs::read(path).unwrap();
        if !bytes.is_empty() && random.random_ratio(1, 3) {
            let at = random.random_range(0..bytes.len());
            bytes[at] ^= 1 << random.random_range(0..8);
            std::fs::write(path, bytes).unwrap();
            damaged += 1;
        }
    });
    assert!(damaged > 0, "no work was left to damage");
    let second = scratch.path().join("second");
    let outcome = audit(corpus.input(), second.to_str().unwrap(), &more).run();
    // To say so and stop is as good as to count again; a wrong report is not.
    match outcome.code {
        Some(4) => assert!(outcome.stderr.contains("damaged"), "{}", outcome.stderr),
        code => {
            eprintln!("ended with {code:?}: {}", outcome.stderr);
            assert_same("damaged work", &corpus.files, &output(&second));
        }
    }
}

#[test]
fn a_receipt_with_another_number_is_never_believed() {
    let corpus = corpus();
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    let scratch = tempfile::tempdir().unwrap();
    let work = scratch.path().join("work");
    let more = ["--work", work.to_str().unwrap()];
    let out = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let _ = audit(corpus.input(), &out("first"), &more).run().expect_code(&DONE);
    for stage in ["count", "screen", "count_longer", "context", "score"] {
        let mut receipts = Vec::new();
        visit(&work.join(stage), &mut |path| receipts.push(path.to_owned()));
        receipts.retain(|path| path.ends_with("receipt.json"));
        let receipt = &receipts[random.random_range(0..receipts.len())];
        let whole = std::fs::read(receipt).unwrap();
        // Not of the checksum, in the second line.
        let line = whole.iter().position(|&byte| byte == b'\n').unwrap();
        let digits: Vec<usize> = (0..line).filter(|&at| whole[at].is_ascii_digit()).collect();
        let at = digits[random.random_range(0..digits.len())];
        let mut other = whole.clone();
        other[at] = b'0' + (whole[at] - b'0' + 1) % 10;
        std::fs::write(receipt, other).unwrap();
        let outcome = audit(corpus.input(), &out("second"), &more).run().expect_code(&[4]);
        assert!(outcome.stderr.contains("receipt.json is damaged"), "{}", outcome.stderr);
        std::fs::write(receipt, whole).unwrap();
    }
    let _ = audit(corpus.input(), &out("third"), &more).run().expect_code(&DONE);
    assert_same("mended work", &corpus.files, &output(Path::new(&out("third"))));
}

fn visit(folder: &Path, each: &mut impl FnMut(&Path)) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        match path.is_dir() {
            true => visit(&path, each),
            false => each(&path),
        }
    }
}

#[test]
fn a_grown_corpus_with_reuse_equals_a_fresh_audit() {
    let corpus = corpus();
    let scratch = tempfile::tempdir().unwrap();
    let (input, work) = (scratch.path().join("corpus"), scratch.path().join("work"));
    std::fs::create_dir(&input).unwrap();
    let more = ["--work", work.to_str().unwrap()];
    let shards = places::shards(corpus.folder.path());
    // Shards come in no particular order, some before those that were counted.
    for (step, wanted) in [[5, 1], [0, 3], [2, 4]].into_iter().enumerate() {
        for shard in wanted.map(|at| &shards[at]) {
            std::fs::copy(shard, input.join(shard.file_name().unwrap())).unwrap();
        }
        let out = scratch.path().join(format!("out-{step}"));
        let _ =
            audit(input.to_str().unwrap(), out.to_str().unwrap(), &more).run().expect_code(&DONE);
        let fresh = files_of(input.to_str().unwrap(), &[]);
        assert_same(&format!("step {step}"), &fresh, &output(&out));
    }
    let all = output(&scratch.path().join("out-2"));
    assert_same("all shards", &corpus.files, &all);
}

#[test]
fn s3_and_disk_agree() {
    let corpus = corpus();
    let server = S3Server::start(&["corpora", "results"]);
    server.upload("corpora", "made/up", corpus.folder.path());
    let out = tempfile::tempdir().unwrap();
    let path = out.path().to_str().unwrap();
    let _ = audit("s3://corpora/made/up", path, &["--threads", "2"])
        .environment(server.environment())
        .run()
        .expect_code(&DONE);
    assert_same("input on S3", &corpus.files, &output(out.path()));
}

#[test]
fn real_text_is_deterministic_too() {
    let sample = places::sample();
    let input = sample.to_str().unwrap();
    let one = files_of(input, &["--threads", "1", "--memory", "4GiB"]);
    let other = files_of(input, &["--threads", "3", "--memory", "64MiB"]);
    assert_same("sample", &one, &other);
}
