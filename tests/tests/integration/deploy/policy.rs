//! Rules for manifests that no schema states.

use serde_json::Value;

use super::documents::{list, number, text, title, visit};
use super::indexed::STAGES;
use super::overlay::{OVERLAYS, everything, overlay};
use super::pods::{Pod, pods};

/// The user that the image runs as, too.
const USER: i64 = 65532;

/// Values that a field of this name may have: schemas leave them open.
const CHOICES: [(&str, &[&str]); 15] = [
    ("action", &["Ignore", "FailJob", "FailIndex", "Count"]),
    ("operator", &["In", "NotIn"]),
    ("concurrencyPolicy", &["Allow", "Forbid", "Replace"]),
    ("podReplacementPolicy", &["Failed", "TerminatingOrFailed"]),
    ("completionMode", &["Indexed", "NonIndexed"]),
    ("restartPolicy", &["Always", "OnFailure", "Never"]),
    ("imagePullPolicy", &["Always", "IfNotPresent", "Never"]),
    ("terminationMessagePolicy", &["File", "FallbackToLogsOnError"]),
    ("protocol", &["TCP", "UDP", "SCTP"]),
    ("policyTypes", &["Ingress", "Egress"]),
    ("whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"]),
    ("unhealthyPodEvictionPolicy", &["AlwaysAllow", "IfHealthyBudget"]),
    ("seccompProfile", &["RuntimeDefault"]),
    ("strategy", &["Recreate", "RollingUpdate"]),
    ("drop", &["ALL"]),
];

/// A field's choices: itself, its items, or its `type`.
fn chosen(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        Value::Object(fields) => fields.get("type").and_then(Value::as_str).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn wrong_choices(document: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    visit(document, &mut |key, value| {
        let Some((_, allowed)) = CHOICES.iter().find(|(name, _)| *name == key) else {
            return;
        };
        let bad = chosen(value).into_iter().filter(|choice| !allowed.contains(choice));
        wrong.extend(bad.map(|choice| format!("{key}: {choice}")));
    });
    wrong
}

#[test]
fn choices_exist() {
    for (overlay, document) in everything() {
        let nothing: [String; 0] = [];
        assert_eq!(wrong_choices(&document), nothing, "{overlay}: {}", title(&document));
    }
    let (_, mut job) = everything().into_iter().find(|(_, d)| d["kind"] == "Job").unwrap();
    job["spec"]["podFailurePolicy"]["rules"][0]["action"] = "Explode".into();
    assert_eq!(wrong_choices(&job), ["action: Explode"]);
}

/// Bytes of a quantity such as 5Gi or 4GiB.
fn bytes(quantity: &str) -> u64 {
    let split = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let (digits, unit) = quantity.split_at(split);
    let number: u64 = digits.parse().unwrap();
    match unit.trim_end_matches('B') {
        "" => number,
        "Mi" => number << 20,
        "Gi" => number << 30,
        other => panic!("{other} is no unit that is used here"),
    }
}

fn seconds(span: &str) -> i64 {
    let number = span.strip_suffix('s').unwrap_or_else(|| panic!("{span}: expected seconds"));
    number.parse().unwrap()
}

fn locked(pod: &Pod) {
    let context = &pod.spec["securityContext"];
    assert_eq!(context["runAsNonRoot"], true, "{}", pod.title);
    for id in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert_eq!(context[id], USER, "{}: {id}", pod.title);
    }
    assert_eq!(text(context, "/seccompProfile/type"), "RuntimeDefault", "{}", pod.title);
    assert_eq!(pod.spec["automountServiceAccountToken"], false, "{}", pod.title);
    assert_eq!(pod.spec["enableServiceLinks"], false, "{}", pod.title);
    let context = &pod.container()["securityContext"];
    for (field, expected) in [
        ("readOnlyRootFilesystem", true),
        ("allowPrivilegeEscalation", false),
        ("privileged", false),
    ] {
        assert_eq!(context[field], expected, "{}: {field}", pod.title);
    }
    assert_eq!(context["capabilities"], serde_json::json!({"drop": ["ALL"]}), "{}", pod.title);
}

#[test]
fn containers_can_do_little() {
    let pods = pods();
    assert!(pods.len() >= 13, "{}", pods.len());
    pods.iter().for_each(locked);
}

#[test]
fn one_folder_can_be_written_and_is_bounded() {
    for pod in pods() {
        for mount in list(pod.container(), "/volumeMounts") {
            let named = |volume: &&Value| volume["name"] == mount["name"];
            let volume = list(&pod.spec, "/volumes").iter().find(named);
            let volume = volume.unwrap_or_else(|| panic!("{}: {mount} is no volume", pod.title));
            match mount.get("readOnly") {
                Some(read_only) => assert_eq!(*read_only, true, "{}", pod.title),
                None => {
                    assert_eq!(text(mount, "/mountPath"), "/scratch", "{}", pod.title);
                    let _ = bytes(text(volume, "/emptyDir/sizeLimit"));
                }
            }
        }
    }
}

#[test]
fn images_are_named_exactly() {
    for pod in pods() {
        let image = text(pod.container(), "/image");
        let expected = concat!("registry.example.com/taster:", env!("CARGO_PKG_VERSION"));
        assert_eq!(image, expected, "{}", pod.title);
    }
}

#[test]
fn limits_leave_room_above_the_memory_budget() {
    for pod in pods() {
        let resources = &pod.container()["resources"];
        for resource in ["cpu", "memory", "ephemeral-storage"] {
            for side in ["requests", "limits"] {
                let there = resources[side][resource].is_string();
                assert!(there, "{}: {side} of {resource}", pod.title);
            }
        }
        let limit = bytes(text(resources, "/limits/memory"));
        let Some(budget) = pod.option("memory") else {
            continue;
        };
        // What the allocator keeps and the program itself are not in the budget.
        assert!(limit >= bytes(&budget) + (1 << 30), "{}: {limit} over {budget}", pod.title);
        let cores = text(resources, "/limits/cpu").parse::<u64>().unwrap();
        let threads = pod.option("threads").or_else(|| pod.option("slots")).unwrap();
        assert!(threads.parse::<u64>().unwrap() >= cores, "{}: idle cores", pod.title);
    }
}

#[test]
fn pods_may_drain_before_they_are_killed() {
    let mut drained = 0;
    for pod in pods() {
        let grace = number(&pod.spec, "/terminationGracePeriodSeconds").unwrap();
        if let Some(deadline) = pod.option("drain-deadline") {
            assert!(grace >= seconds(&deadline) + 10, "{}: {grace} s, {deadline}", pod.title);
            drained += 1;
        }
    }
    assert_eq!(drained, 6, "coordinators and workers of three overlays");
}

#[test]
fn secrets_are_only_referred_to() {
    for (overlay, document) in everything() {
        assert_ne!(document["kind"], "Secret", "{overlay}");
        visit(&document, &mut |key, value| {
            let lower = key.to_lowercase();
            let telling = ["secret_access_key", "access_key_id", "password", "token_value"];
            let said = telling.iter().any(|word| lower.contains(word));
            assert!(!said, "{overlay}: {key} is {value}");
        });
    }
}

#[test]
fn selectors_meet_their_pods() {
    for name in OVERLAYS {
        let rendered = overlay(name);
        let pods = super::pods::pods_of(name);
        for document in rendered.values() {
            let selector = match text(document, "/kind") {
                "Deployment" | "PodDisruptionBudget" => {
                    document.pointer("/spec/selector/matchLabels")
                }
                "NetworkPolicy" => document.pointer("/spec/podSelector/matchLabels"),
                "Service" => document.pointer("/spec/selector"),
                _ => continue,
            };
            let wanted = selector.unwrap().as_object().unwrap();
            let meets = |pod: &&Pod| {
                wanted.iter().all(|(label, value)| pod.metadata["labels"][label] == *value)
            };
            let met = pods.iter().filter(meets).count();
            let expected = if title(document) == "NetworkPolicy/taster" { pods.len() } else { 1 };
            assert_eq!(met, expected, "{name}: {}", title(document));
        }
    }
}

#[test]
fn services_and_probes_name_open_ports() {
    let opened = |pod: &Pod, port: &Value| {
        list(pod.container(), "/ports")
            .iter()
            .any(|open| open["name"] == *port || open["containerPort"] == *port)
    };
    let standing = super::pods::pods_of("standing");
    let of = |name: &str| standing.iter().find(|p| text(p.container(), "/name") == name).unwrap();
    let (coordinator, worker) = (of("coordinator"), of("worker"));
    let rendered = overlay("standing");
    for port in list(&rendered["Service/taster-coordinator"], "/spec/ports") {
        assert!(opened(coordinator, &port["targetPort"]), "{port}");
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let (asked, page) = (&coordinator.container()[probe], &worker.container()[probe]);
        assert!(opened(coordinator, &asked["grpc"]["port"]), "{probe}: {asked}");
        assert!(opened(worker, &page["httpGet"]["port"]), "{probe}: {page}");
        let path = if probe == "readinessProbe" { "/readyz" } else { "/healthz" };
        assert_eq!(text(page, "/httpGet/path"), path);
    }
    let port = coordinator.metadata["annotations"]["prometheus.io/port"].as_str().unwrap();
    assert!(opened(coordinator, &port.parse::<i64>().unwrap().into()));
}

#[test]
fn with_tls_probes_ask_the_page_and_workers_have_no_key() {
    let pods = super::pods::pods_of("standing-tls");
    assert_eq!(pods.len(), 2);
    for pod in pods {
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_eq!(pod.container()[probe]["httpGet"]["port"], "metrics", "{}", pod.title);
        }
        let tls = |volume: &&Value| volume["name"] == "tls";
        let volume = list(&pod.spec, "/volumes").iter().find(tls).unwrap();
        let items = list(volume, "/secret/items");
        match text(pod.container(), "/name") {
            "coordinator" => {
                assert!(pod.option("tls-cert").is_some() && pod.option("tls-key").is_some());
                assert!(items.is_empty());
            }
            _ => {
                assert!(pod.option("coordinator").unwrap().starts_with("https://"));
                assert!(pod.option("tls-ca").is_some());
                assert_eq!(items, [serde_json::json!({"key": "ca.crt", "path": "ca.crt"})]);
            }
        }
    }
}

#[test]
fn one_coordinator_runs_at_a_time() {
    let deployment = &overlay("standing")["Deployment/taster-coordinator"];
    assert_eq!(number(deployment, "/spec/replicas"), Some(1));
    assert_eq!(text(deployment, "/spec/strategy/type"), "Recreate");
}

/// Rules of a Job's podFailurePolicy, as (action, exit codes).
fn failure_rules(job: &Value) -> Vec<(&str, Vec<i64>)> {
    let rules = list(job, "/spec/podFailurePolicy/rules").iter();
    rules
        .map(|rule| {
            let codes = list(rule, "/onExitCodes/values").iter().filter_map(Value::as_i64);
            (text(rule, "/action"), codes.collect())
        })
        .collect()
}

/// All Jobs, those of CronJobs included.
fn jobs() -> Vec<(String, Value)> {
    let job = |(overlay, document): (&str, Value)| {
        let title = format!("{overlay}: {}", title(&document));
        match text(&document, "/kind") {
            "Job" => Some((title, document)),
            "CronJob" => Some((title, document["spec"]["jobTemplate"].clone())),
            _ => None,
        }
    };
    everything().into_iter().filter_map(job).collect()
}

#[test]
fn row_26_jobs_do_not_try_again_what_is_the_same_every_time() {
    let jobs = jobs();
    // One per stage, one that plans, and those of the nightly audits.
    assert_eq!(jobs.len(), STAGES.len() + 3);
    for (title, job) in jobs {
        assert_eq!(failure_rules(&job), [("Ignore", vec![]), ("FailJob", vec![1, 2])], "{title}");
        let rules = list(&job, "/spec/podFailurePolicy/rules");
        let condition = &rules[0]["onPodConditions"][0];
        assert_eq!(*condition, serde_json::json!({"type": "DisruptionTarget", "status": "True"}));
        let container = &job["spec"]["template"]["spec"]["containers"][0]["name"];
        assert_eq!(rules[1]["onExitCodes"]["containerName"], *container, "{title}");
        // What the fields above require, which no schema says.
        assert_eq!(text(&job, "/spec/template/spec/restartPolicy"), "Never", "{title}");
        assert_eq!(text(&job, "/spec/podReplacementPolicy"), "Failed", "{title}");
        let retries = ["/spec/backoffLimit", "/spec/backoffLimitPerIndex"];
        assert_eq!(retries.iter().filter_map(|r| number(&job, r)).collect::<Vec<_>>(), [4]);
        if number(&job, "/spec/backoffLimitPerIndex").is_some() {
            assert_eq!(text(&job, "/spec/completionMode"), "Indexed", "{title}");
        }
    }
}
