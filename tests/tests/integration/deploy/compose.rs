//! The compose file and the image it builds.

use serde_json::Value;
use taster_tests::places::repository;

use super::arguments::refused;
use super::documents::{deploy, documents, list, text};
use super::pods::pods;

fn compose() -> Value {
    documents(&deploy("compose.yaml")).remove(0)
}

fn service(name: &str) -> Value {
    compose()["services"][name].clone()
}

#[test]
fn programs_understand_what_they_are_told() {
    for name in ["coordinator", "worker"] {
        let service = service(name);
        let call: Vec<String> =
            list(&service, "/command").iter().map(|w| w.as_str().unwrap().to_owned()).collect();
        assert_eq!(refused(&call), None, "{call:?}");
        let calls_on = text(&service, "/healthcheck/test/3");
        let page = call.iter().find_map(|w| w.strip_prefix("--metrics-listen=0.0.0.0:")).unwrap();
        assert!(calls_on.contains(&format!("/dev/tcp/127.0.0.1/{page};")), "{calls_on}");
        assert!(calls_on.contains("/readyz"), "{calls_on}");
    }
}

#[test]
fn services_are_locked_and_reached_from_this_machine_alone() {
    for name in ["coordinator", "worker", "taster"] {
        let service = service(name);
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(text(&service, "/image"), concat!("taster:", env!("CARGO_PKG_VERSION")));
    }
    let all = compose();
    for (name, service) in all["services"].as_object().unwrap() {
        for port in list(service, "/ports") {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        assert!(!text(service, "/image").ends_with(":latest"), "{name}");
    }
    assert_eq!(service("worker")["deploy"]["replicas"], 3);
}

#[test]
fn the_image_runs_as_the_pods_do() {
    let image = std::fs::read_to_string(deploy("Dockerfile")).unwrap();
    let last = image.rsplit("\nFROM ").next().unwrap();
    let user = pods()[0].spec["securityContext"]["runAsUser"].as_i64().unwrap();
    assert!(last.contains(&format!("\nUSER {user}:{user}\n")), "{last}");
    assert!(last.contains("TMPDIR=/scratch") && last.contains("org.opencontainers.image.version"));
    assert!(last.contains(concat!("ARG VERSION=", env!("CARGO_PKG_VERSION"), "\n")));
    for line in image.lines().filter(|line| line.starts_with("ARG") && line.contains("_IMAGE=")) {
        let tag = line.rsplit(':').next().unwrap();
        assert!(tag.contains('.') || tag.contains("-2"), "{line}: expected an exact tag");
    }
}

/// The image is built from what `.dockerignore` lets through: every package must be.
#[test]
fn every_package_gets_into_the_build() {
    let root = std::fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let root: toml::Table = root.parse().unwrap();
    let ignored = std::fs::read_to_string(repository().join(".dockerignore")).unwrap();
    let members = root["workspace"]["members"].as_array().unwrap();
    let names = members.iter().map(|member| member.as_str().unwrap());
    for name in names.chain(["Cargo.toml", "Cargo.lock", "demo"]) {
        assert!(ignored.lines().any(|line| line == format!("!{name}")), "{name} is left out");
    }
    assert!(ignored.lines().any(|line| line == "*"));
}
