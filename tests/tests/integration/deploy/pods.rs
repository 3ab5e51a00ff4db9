//! The pods of all overlays: who they belong to, and what their containers are told.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::documents::{list, text, title};
use super::overlay::{OVERLAYS, Rendered, overlay};

/// A pod template.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Overlay and owner, for messages.
    pub title: String,
    /// `Kind/name` of the owner.
    pub owner: Value,
    /// Labels and annotations.
    pub metadata: Value,
    /// The pod's spec.
    pub spec: Value,
    /// What the container's environment says, as far as the manifests know it.
    pub environment: BTreeMap<String, String>,
}

impl Pod {
    fn of(name: &str, owner: &Value, rendered: &Rendered) -> Option<Self> {
        let template = match text(owner, "/kind") {
            "Deployment" | "Job" => owner.pointer("/spec/template")?,
            "CronJob" => owner.pointer("/spec/jobTemplate/spec/template")?,
            _ => return None,
        };
        let containers = list(template, "/spec/containers");
        assert_eq!(containers.len(), 1, "{name}: {}", title(owner));
        Some(Self {
            title: format!("{name}: {}", title(owner)),
            owner: owner.clone(),
            metadata: template["metadata"].clone(),
            spec: template["spec"].clone(),
            environment: environment(&containers[0], rendered),
        })
    }

    /// Its only container.
    pub fn container(&self) -> &Value {
        &self.spec["containers"][0]
    }

    /// Program and arguments, with variables in place as Kubernetes does it.
    pub fn command(&self) -> Vec<String> {
        let words = ["/command", "/args"].map(|part| list(self.container(), part));
        let words = words.concat();
        words.iter().map(|word| expand(word.as_str().unwrap(), &self.environment)).collect()
    }

    /// What the container runs in the end: of a script, what it calls.
    pub fn call(&self) -> Vec<String> {
        let command = self.command();
        match command[0].as_str() {
            "/bin/sh" => called_by(&command, &self.environment),
            _ => command,
        }
    }

    /// The value of `--name=value` or `--name value`.
    pub fn option(&self, name: &str) -> Option<String> {
        let call = self.call();
        let long = format!("--{name}");
        let at = call.iter().position(|word| word.split('=').next() == Some(&long))?;
        match call[at].split_once('=') {
            Some((_, value)) => Some(value.to_owned()),
            None => call.get(at + 1).cloned(),
        }
    }
}

/// All pods of an overlay.
pub fn pods_of(name: &str) -> Vec<Pod> {
    let rendered = overlay(name);
    rendered.values().filter_map(|owner| Pod::of(name, owner, &rendered)).collect()
}

/// All pods of all overlays.
pub fn pods() -> Vec<Pod> {
    OVERLAYS.into_iter().flat_map(pods_of).collect()
}

fn environment(container: &Value, rendered: &Rendered) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for source in list(container, "/envFrom") {
        let Some(name) = source.pointer("/configMapRef/name").and_then(Value::as_str) else {
            continue;
        };
        let map = &rendered[&format!("ConfigMap/{name}")];
        for (key, value) in map["data"].as_object().unwrap() {
            environment.insert(key.clone(), value.as_str().unwrap().to_owned());
        }
    }
    for variable in list(container, "/env") {
        let name = text(variable, "/name");
        let value = match variable.get("value") {
            Some(value) => value.as_str().unwrap(),
            None => downward(name),
        };
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

/// Examples of what only a cluster knows.
fn downward(name: &str) -> &'static str {
    match name {
        "JOB_COMPLETION_INDEX" => "3",
        // 2026-11-24 01:30 UTC in minutes.
        "JOB" => "taster-nightly-29924730",
        "SPECS" => "s3://example-bucket/taster-work/audits/an-audit/specs",
        other => panic!("{other} is not known here"),
    }
}

/// `$(NAME)` replaced where there is such a variable.
pub fn expand(text: &str, environment: &BTreeMap<String, String>) -> String {
    let replace = |text: String, (name, value): (&String, &String)| {
        text.replace(&format!("$({name})"), value)
    };
    environment.iter().fold(text.to_owned(), replace)
}

/// What a script calls as `taster`, found by running it with a command of that name that says so.
fn called_by(script: &[String], environment: &BTreeMap<String, String>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let fake = "#!/bin/sh\necho taster\nfor word in \"$@\"; do echo \"$word\"; done\n";
    write_program(&folder.path().join("taster"), fake);
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(&script[0])
        .args(&script[1..])
        .env_clear()
        .envs(environment)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{script:?}: {said}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Writes a file that can be run.
pub fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
