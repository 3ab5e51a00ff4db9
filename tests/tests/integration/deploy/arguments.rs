//! What manifests tell the programs is what the programs understand.

use serde_json::Value;
use taster_tests::command::taster;

use super::documents::{deploy, documents, list, text};
use super::pods::{pods, pods_of};

/// What is wrong with a command line; `None` if it is understood.
pub fn refused(call: &[String]) -> Option<String> {
    let command = match call[0].as_str() {
        "taster-worker" => taster_worker::command(),
        "taster-coordinator" => taster_coordinator::command(),
        "taster" => return refused_by_command(&call[1..]),
        other => return Some(format!("{other} is no program of ours")),
    };
    command.try_get_matches_from(call).err().map(|error| error.to_string())
}

/// Help is shown for a command line that is right so far, and for no other.
fn refused_by_command(arguments: &[String]) -> Option<String> {
    let help = "--help".to_owned();
    let outcome = taster(arguments.iter().chain([&help])).run();
    (outcome.code != Some(0)).then_some(outcome.stderr)
}

#[test]
fn every_argument_is_understood() {
    for pod in pods() {
        let call = pod.call();
        assert_eq!(refused(&call), None, "{}: {call:?}", pod.title);
        assert!(!call.join(" ").contains("$("), "{}: {call:?} names no variable", pod.title);
    }
}

#[test]
fn wrong_arguments_are_found() {
    let call = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    for line in [
        "taster-worker --slot=2",
        "taster-worker --memory=much",
        "taster-coordinator --lease=long",
        "taster audit in --output --out out",
        "taster task spec --index=-1",
        "taster plan in --wriet",
        "ls",
    ] {
        assert!(refused(&call(line)).is_some(), "{line}");
    }
}

#[test]
fn the_workflows_arguments_are_understood() {
    let workflow = documents(&deploy("argo/audit.yaml")).remove(0);
    let parameters = list(&workflow, "/spec/arguments/parameters");
    let known = |text: &str| {
        let mut text = text.to_owned();
        for parameter in parameters {
            let name =
                format!("{{{{workflow.parameters.{}}}}}", parameter["name"].as_str().unwrap());
            text = text.replace(&name, parameter["value"].as_str().unwrap());
        }
        for (name, value) in [("audit", "a"), ("stage", "01-count"), ("index", "3")] {
            text = text.replace(&format!("{{{{inputs.parameters.{name}}}}}"), value);
        }
        text
    };
    let containers = list(&workflow, "/spec/templates").iter().filter_map(|t| t.get("container"));
    let calls: Vec<Vec<String>> = containers
        .map(|container| {
            let words = ["/command", "/args"].map(|part| list(container, part)).concat();
            words.iter().map(|word| known(word.as_str().unwrap())).collect()
        })
        .collect();
    assert_eq!(calls.len(), 2);
    for call in calls {
        assert_eq!(refused(&call), None, "{call:?}");
        assert!(!call.concat().contains("{{"), "{call:?}");
    }
}

/// The default of an option, as its help tells it.
fn default_of(command: &clap::Command, option: &str) -> String {
    let argument = command.get_arguments().find(|a| a.get_long() == Some(option)).unwrap();
    let help = argument.get_help().unwrap().to_string();
    let default = help.split("[default: ").nth(1).unwrap();
    default.split(']').next().unwrap().to_owned()
}

fn port(address: &str) -> i64 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn ports_are_the_programs_defaults() {
    let (coordinator, worker) = (taster_coordinator::command(), taster_worker::command());
    let commands = [
        ("coordinator", "grpc", "listen", &coordinator),
        ("coordinator", "metrics", "metrics-listen", &coordinator),
        ("worker", "metrics", "metrics-listen", &worker),
    ];
    let pods = pods_of("standing");
    for (name, port_name, option, command) in commands {
        let pod = pods.iter().find(|p| text(p.container(), "/name") == name).unwrap();
        let expected = port(&default_of(command, option));
        assert_eq!(port(&pod.option(option).unwrap()), expected, "{name} {option}");
        let named = |port: &&Value| port["name"] == port_name;
        let opened = list(pod.container(), "/ports").iter().find(named).unwrap();
        assert_eq!(opened["containerPort"], expected, "{name} {port_name}");
    }
}

#[test]
fn pods_meet_the_coordinator_at_its_service() {
    let rendered = super::overlay::overlay("standing");
    let service = &rendered["Service/taster-coordinator"];
    let port = service["spec"]["ports"][0]["port"].as_i64().unwrap();
    let place = format!("://{}:{port}", text(service, "/metadata/name"));
    let callers: Vec<_> = pods().iter().filter_map(|pod| pod.option("coordinator")).collect();
    assert_eq!(callers.len(), 4, "workers of three overlays, and the nightly submission");
    let encrypted = callers.iter().filter(|caller| **caller == format!("https{place}")).count();
    let plain = callers.iter().filter(|caller| **caller == format!("http{place}")).count();
    assert_eq!((encrypted, plain), (1, 3), "{callers:?}");
}
