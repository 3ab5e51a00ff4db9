//! Every document read as the type it claims to be and written again: what is lost on the way is
//! a field that Kubernetes does not know.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::core::v1::{ConfigMap, Container, PodSecurityContext, Service, Volume};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

use super::documents::{deploy, documents, list, text, title};
use super::overlay::everything;

fn again<T: Serialize + DeserializeOwned>(document: &Value) -> Result<Value, serde_json::Error> {
    serde_json::to_value(serde_json::from_value::<T>(document.clone())?)
}

fn typed(document: &Value) -> Result<Value, serde_json::Error> {
    match (text(document, "/apiVersion"), text(document, "/kind")) {
        ("apps/v1", "Deployment") => again::<Deployment>(document),
        ("batch/v1", "CronJob") => again::<CronJob>(document),
        ("batch/v1", "Job") => again::<Job>(document),
        ("networking.k8s.io/v1", "NetworkPolicy") => again::<NetworkPolicy>(document),
        ("policy/v1", "PodDisruptionBudget") => again::<PodDisruptionBudget>(document),
        ("v1", "ConfigMap") => again::<ConfigMap>(document),
        ("v1", "Service") => again::<Service>(document),
        ("v1", "ServiceAccount") => again::<ServiceAccount>(document),
        (version, kind) => panic!("{version} {kind} has no type here"),
    }
}

/// Where `again` is not what was written, as paths.
fn lost(written: &Value, again: &Value, path: &str, faults: &mut Vec<String>) {
    match (written, again) {
        (Value::Object(fields), Value::Object(kept)) => fields.iter().for_each(|(key, value)| {
            let path = format!("{path}/{key}");
            match kept.get(key) {
                Some(kept) => lost(value, kept, &path, faults),
                None => faults.push(path),
            }
        }),
        (Value::Array(items), Value::Array(kept)) if items.len() == kept.len() => {
            for (at, (item, kept)) in items.iter().zip(kept).enumerate() {
                lost(item, kept, &format!("{path}/{at}"), faults);
            }
        }
        _ if written == again => {}
        _ => faults.push(format!("{path}: {written} became {again}")),
    }
}

fn faults(written: &Value, again: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    lost(written, again, "", &mut faults);
    faults
}

#[test]
fn every_field_is_known() {
    for (overlay, document) in everything() {
        let title = format!("{overlay}: {}", title(&document));
        let again = typed(&document).unwrap_or_else(|e| panic!("{title}: {e}"));
        let nothing: [String; 0] = [];
        assert_eq!(faults(&document, &again), nothing, "{title}");
    }
}

#[test]
fn unknown_fields_and_wrong_types_are_found() {
    let (_, document) =
        everything().into_iter().find(|(_, d)| title(d) == "Deployment/taster-worker").unwrap();
    let mut unknown = document.clone();
    unknown["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = 1.into();
    let found = faults(&unknown, &typed(&unknown).unwrap());
    assert_eq!(found, ["/spec/template/spec/containers/0/livenessProb"]);
    let mut wrong = document;
    wrong["spec"]["replicas"] = "three".into();
    assert!(typed(&wrong).is_err());
}

/// The workflow's own type is not at hand; what it takes over from Kubernetes is.
#[test]
fn the_workflow_has_kubernetes_parts() {
    let workflow = documents(&deploy("argo/audit.yaml")).remove(0);
    let nothing: [String; 0] = [];
    let mut containers = 0;
    for template in list(&workflow, "/spec/templates") {
        let Some(container) = template.get("container") else {
            continue;
        };
        containers += 1;
        assert_eq!(faults(container, &again::<Container>(container).unwrap()), nothing);
    }
    assert_eq!(containers, 2);
    let context = &workflow["spec"]["securityContext"];
    assert_eq!(faults(context, &again::<PodSecurityContext>(context).unwrap()), nothing);
    for volume in list(&workflow, "/spec/volumes") {
        assert_eq!(faults(volume, &again::<Volume>(volume).unwrap()), nothing);
    }
}
