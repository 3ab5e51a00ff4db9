//! Canaries change nothing but what the report says of itself; planting while reading is planting.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use taster_lab::{Bed, Dose, Part, PlantPlan, Recipe, Spread};
use taster_planning::Parameters;
use taster_storage::Overlay;
use taster_tasks::{Audit, AuditRequest, Resources, Silent};
use taster_tests::command::audit;
use taster_tests::corpora::{self, Plan};
use taster_tests::s3_server::S3Server;
use taster_tests::tables::output;

type Files = BTreeMap<String, Vec<u8>>;

fn corpus(folder: &Path) {
    let plan = Plan { shards: 4, rows: 700, group_rows: 100, poisoned: 60, ..Plan::default() };
    corpora::write(folder, &plan);
}

/// The files of an audit, with report.json taken apart: its canaries, and all the rest. The page shows the recall as well
/// and is left out.
fn taken_apart(mut files: Files) -> (Files, Value, Option<Value>) {
    files.remove("report.html").unwrap();
    let report = files.remove("report.json").unwrap();
    let mut report: Value = serde_json::from_slice(&report).unwrap();
    let canaries = report.as_object_mut().unwrap().remove("canaries");
    (files, report, canaries)
}

fn files_of(input: &str, more: &[&str]) -> Files {
    let out = tempfile::tempdir().unwrap();
    let _ = audit(input, out.path().to_str().unwrap(), more).run().expect_code(&[0, 1]);
    output(out.path())
}

#[test]
fn canaries_are_in_the_report_alone_and_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    let input = folder.path().to_str().unwrap();
    let plain = taken_apart(files_of(input, &["--threads", "2"]));
    assert_eq!(plain.2, None);
    let with = taken_apart(files_of(input, &["--threads", "2", "--canaries", "3"]));
    assert_eq!((&with.0, &with.1), (&plain.0, &plain.1));
    let canaries = with.2.clone().unwrap();
    assert_eq!(canaries["campaigns"], 3);
    assert_eq!(canaries["planted"][0]["recipe"], "souly");
    assert_eq!(canaries["planted"][1]["rank"].as_u64().map(|rank| rank <= 100), Some(true));
    let more = ["--threads", "1", "--memory", "64MiB", "--canaries", "3"];
    assert_eq!(taken_apart(files_of(input, &more)), with);
}

#[test]
fn canaries_are_planted_in_what_a_store_holds() {
    let server = S3Server::start(&["corpora"]);
    let folder = tempfile::tempdir().unwrap();
    corpus(folder.path());
    server.upload("corpora", "made/up", folder.path());
    let (out, arguments) = (tempfile::tempdir().unwrap(), ["--threads", "2", "--canaries", "2"]);
    let run = audit("s3://corpora/made/up", out.path().to_str().unwrap(), &arguments);
    let _ = run.environment(server.environment()).run().expect_code(&[0, 1]);
    let local = files_of(folder.path().to_str().unwrap(), &arguments);
    assert_eq!(output(out.path()), local);
}

fn request(input: &Path, work: &Path) -> AuditRequest {
    AuditRequest {
        inputs: vec![input.display().to_string()],
        work: work.display().to_string(),
        parameters: Parameters::default(),
        resources: Resources { threads: 2, memory_bytes: 256 << 20, unit_bytes: None },
    }
}

/// What an audit found, whatever its shards are.
fn found(audit: &Audit) -> String {
    serde_json::to_string(&(audit.findings(), &audit.report.campaigns)).unwrap()
}

#[test]
fn planting_while_reading_is_planting() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (clean, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    corpus(clean.path());
    let inputs = [clean.path().to_str().unwrap().to_owned()];
    let bed =
        Bed::prepare(&inputs, &place.path().join("bed"), Part::Whole, runtime.handle()).unwrap();
    let dose = |recipe| Dose { recipe, documents: 30, spread: Spread::OneShard };
    let plan = PlantPlan { seed: 5, doses: vec![dose(Recipe::Souly), dose(Recipe::Unlock)] };
    let written = place.path().join("written");
    let truth = bed.plant(&plan, &written, runtime.handle()).unwrap();
    let (view, same_truth) = bed.view(&plan).unwrap();
    assert_eq!(same_truth, truth);
    let work = place.path().join("work");
    let before =
        taster_tasks::audit(&request(bed.folder(), &work), runtime.handle(), &Silent).unwrap();
    let overlay: Arc<dyn Overlay> = Arc::new(view);
    let request_of_bed = request(bed.folder(), &work);
    let viewed =
        taster_tasks::audit_overlaid(&request_of_bed, &overlay, runtime.handle(), &Silent).unwrap();
    let other_work = place.path().join("other work");
    let planted =
        taster_tasks::audit(&request(&written, &other_work), runtime.handle(), &Silent).unwrap();
    assert_eq!(found(&viewed), found(&planted));
    assert_ne!(found(&viewed), found(&before));
    // Units without a planted document were found counted.
    let counted = viewed.waves.iter().find(|wave| wave.wave == taster_tasks::Wave::Count).unwrap();
    assert!(counted.reused > 0 && counted.reused < counted.tasks, "{counted:?}");
    // And nothing of the planting stays: the clean corpus is audited as before.
    let after =
        taster_tasks::audit(&request(bed.folder(), &work), runtime.handle(), &Silent).unwrap();
    assert_eq!(found(&after), found(&before));
}
