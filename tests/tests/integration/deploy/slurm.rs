//! The Slurm array, run as plain processes: a stand-in for `sbatch` writes down what is submitted;
//! every element is then started by its number, in random order, some more than once.

use std::path::Path;
use std::process::Command;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use taster_tests::command::binary;
use taster_tests::places;
use taster_tests::tables::assert_same;

use super::documents::deploy;
use super::indexed::{STAGES, Scene, files};
use super::pods::write_program;

/// Writes down its arguments and the specs that the jobs would get; says a number.
const SBATCH: &str = r#"#!/bin/sh
echo "$SPECS $*" >>"$CALLS"
echo "$(wc -l <"$CALLS");cluster"
"#;

/// Fails once for each element before it runs it.
const FAILS_ONCE: &str = r#"#!/bin/sh
if [ "$1" = task ] && mkdir "$TRIED/$(basename "$2")-$4" 2>/dev/null; then exit 4; fi
exec "$REAL" "$@"
"#;

fn script(scene: &Scene) -> Command {
    let mut command = Command::new("bash");
    let search = format!("{}:{}", scene.path("bin"), std::env::var("PATH").unwrap());
    command
        .arg(deploy("slurm/audit.sbatch"))
        .env("PATH", search)
        .env("TASTER", scene.path("bin/taster"))
        .env("REAL", binary())
        .env("TRIED", scene.path("tried"))
        .env("CALLS", scene.path("calls"))
        .env("INPUTS", scene.path("corpus"))
        .env("OUT", scene.path("out"))
        .env("WORK", scene.path("work"))
        .env("MEMORY", "512MiB")
        .env("TASTER_PAUSE", "0")
        .env("TASKS", "5");
    command
}

fn finish(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{:?}: {said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Folder of specs, number of elements, and dependency of every submitted array.
fn submitted(calls: &Path) -> Vec<(String, u32, Option<String>)> {
    let calls = std::fs::read_to_string(calls).unwrap();
    let array = |line: &str| {
        let specs = line.split(' ').next().unwrap().to_owned();
        let option = |name: &str| {
            line.split(name).nth(1).map(|rest| rest.split(' ').next().unwrap().to_owned())
        };
        let last: u32 = option("--array=0-").unwrap().parse().unwrap();
        (specs, last + 1, option("--dependency="))
    };
    calls.lines().map(array).collect()
}

#[test]
fn a_job_array_gives_the_bytes_of_the_audit() {
    let scene = Scene::new();
    for folder in ["bin", "tried"] {
        std::fs::create_dir(scene.path(folder)).unwrap();
    }
    write_program(Path::new(&scene.path("bin/sbatch")), SBATCH);
    write_program(Path::new(&scene.path("bin/taster")), FAILS_ONCE);
    assert_eq!(finish(script(&scene)), format!("{}\n", STAGES.len()), "the number of the last job");
    let arrays = submitted(Path::new(&scene.path("calls")));
    assert_eq!(arrays.len(), STAGES.len());
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    for (at, ((specs, elements, dependency), stage)) in arrays.iter().zip(STAGES).enumerate() {
        assert!(specs.ends_with(stage), "{specs}");
        assert_eq!(*elements, if ["09-choose", "11-report"].contains(&stage) { 1 } else { 5 });
        assert_eq!(*dependency, (at > 0).then(|| format!("afterany:{at}")), "stages are barriers");
        let mut indexes: Vec<_> = (0..*elements).collect();
        indexes.push(random.random_range(0..*elements));
        indexes.shuffle(&mut random);
        for index in indexes {
            let mut element = script(&scene);
            element.env("SPECS", specs).env("SLURM_ARRAY_TASK_ID", index.to_string());
            let _ = finish(element);
        }
    }
    let tried = std::fs::read_dir(scene.path("tried")).unwrap().count();
    let elements = 5 * (STAGES.len() - 2) + 2;
    assert_eq!(tried, elements, "every element failed once and was tried again");
    assert_same("job array", &scene.expected, &files(&scene.path("out")));
}

#[test]
fn a_wrong_plan_submits_nothing() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path("bin")).unwrap();
    write_program(Path::new(&scene.path("bin/sbatch")), SBATCH);
    let mut command = script(&scene);
    let output = command.env("TASTER", binary()).env("TASKS", "none").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!Path::new(&scene.path("calls")).exists());
}
