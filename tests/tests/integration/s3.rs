//! Audits on S3: inputs, outputs and work; and what goes wrong there.

use std::path::PathBuf;

use tempfile::TempDir;

use taster_tests::command::{Outcome, Taster, audit};
use taster_tests::corpora::{self, Plan};
use taster_tests::s3_server::{S3Server, SECRET_KEY};
use taster_tests::tables::{assert_same, output};

const DONE: [i32; 2] = [0, 1];

fn corpus() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    corpora::write(folder.path(), &Plan { poisoned: 60, rows: 500, ..Plan::default() });
    folder
}

/// A server with a corpus below `s3://data/in`.
fn server(corpus: &TempDir) -> S3Server {
    let server = S3Server::start(&["data"]);
    server.upload("data", "in", corpus.path());
    server
}

fn on(server: &S3Server, taster: Taster) -> Taster {
    taster.environment(server.environment())
}

fn assert_silent_about_secrets(outcome: &Outcome) {
    for stream in [&outcome.stdout, &outcome.stderr] {
        assert!(!stream.contains(SECRET_KEY), "the secret key is shown: {stream}");
    }
}

#[test]
fn inputs_outputs_and_work_on_s3_equal_a_disk() {
    let corpus = corpus();
    let local = tempfile::tempdir().unwrap();
    let path = local.path().to_str().unwrap();
    let _ = audit(corpus.path().to_str().unwrap(), path, &[]).run().expect_code(&DONE);
    let server = server(&corpus);
    let more = ["--work", "s3://data/work", "--threads", "2"];
    for out in ["s3://data/out/one", "s3://data/out/two"] {
        let outcome = on(&server, audit("s3://data/in", out, &more)).run().expect_code(&DONE);
        assert_silent_about_secrets(&outcome);
        let mut files = server.download("data", out.trim_start_matches("s3://data/"));
        assert!(files.remove("run.json").is_some(), "no run.json in {out}");
        assert_same(out, &output(local.path()), &files);
    }
    assert!(!server.download("data", "work").is_empty(), "no work was kept on S3");
}

#[test]
fn secrets_are_in_no_object() {
    let corpus = corpus();
    let server = server(&corpus);
    let taster = audit("s3://data/in", "s3://data/out", &["--work", "s3://data/work"]);
    let _ = on(&server, taster).run().expect_code(&DONE);
    for prefix in ["out", "work"] {
        for (name, bytes) in server.download("data", prefix) {
            let shows = bytes.windows(SECRET_KEY.len()).any(|part| part == SECRET_KEY.as_bytes());
            assert!(!shows, "the secret key is in {prefix}/{name}");
        }
    }
}

#[test]
fn wrong_credentials_are_said_to_be_wrong() {
    let corpus = corpus();
    let server = server(&corpus);
    let out = tempfile::tempdir().unwrap();
    let wrong = [("AWS_SECRET_ACCESS_KEY", "canary-but-the-wrong-one")];
    let taster = audit("s3://data/in", out.path().to_str().unwrap(), &[]);
    let outcome = on(&server, taster).environment(wrong).run().expect_code(&[2, 4]);
    assert_silent_about_secrets(&outcome);
    assert!(!outcome.stderr.contains("canary"), "{}", outcome.stderr);
    let said = outcome.stderr.to_lowercase();
    assert!(said.contains("no access") && said.contains("data"), "{said}");
}

#[test]
fn absent_credentials_are_said_to_be_absent() {
    let corpus = corpus();
    let server = server(&corpus);
    let mut environment = server.environment();
    environment.remove("AWS_ACCESS_KEY_ID");
    environment.remove("AWS_SECRET_ACCESS_KEY");
    // No request may leave this machine: whoever is asked for credentials does not answer.
    environment.insert("AWS_METADATA_ENDPOINT".into(), "http://127.0.0.1:9".into());
    let out = tempfile::tempdir().unwrap();
    let started = std::time::Instant::now();
    let taster = audit("s3://data/in", out.path().to_str().unwrap(), &[]);
    let outcome = taster.environment(environment).run().expect_code(&[2, 4]);
    let seconds = started.elapsed().as_secs();
    assert!(outcome.stderr.contains("AWS_ACCESS_KEY_ID"), "{}", outcome.stderr);
    assert!(seconds < 60, "it took {seconds} s to say so");
}

#[test]
fn missing_places_are_named() {
    let corpus = corpus();
    let server = server(&corpus);
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    for input in ["s3://no-such-bucket/in", "s3://data/no-such-prefix"] {
        let outcome = on(&server, audit(input, out, &[])).run().expect_code(&[2, 4]);
        let name =
            input.trim_start_matches("s3://").split('/').find(|part| part.contains("no-such"));
        assert!(outcome.stderr.contains(name.unwrap()), "{input}: {}", outcome.stderr);
    }
}

#[test]
fn an_unreachable_store_ends_in_bounded_time() {
    let out: PathBuf = tempfile::tempdir().unwrap().path().join("out");
    let environment = [
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT", "http://127.0.0.1:9"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    let started = std::time::Instant::now();
    let outcome = audit("s3://data/in", out.to_str().unwrap(), &[]).environment(environment).run();
    let outcome = outcome.expect_code(&[4]);
    assert!(outcome.stderr.contains("data"), "{}", outcome.stderr);
    assert!(started.elapsed().as_secs() < 200, "{:?}", started.elapsed());
}
