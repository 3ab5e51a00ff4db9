//! The overlays, rendered: as much of kustomize as they use, and a refusal of anything else.
//! Where there is a `kubectl`, it has to agree.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value};

use super::documents::{deploy, documents, list, parse, text, title};

/// The overlays that a user applies.
pub const OVERLAYS: [&str; 5] =
    ["standing", "standing-tls", "nightly", "nightly-standing", "indexed"];

/// Documents by `Kind/name`.
pub type Rendered = BTreeMap<String, Value>;

/// What an overlay amounts to.
pub fn overlay(name: &str) -> Rendered {
    let rendered = render(&deploy("kustomize/overlays").join(name));
    assert!(!rendered.is_empty(), "{name} is empty");
    rendered
}

/// All documents of all overlays, with the overlay's name.
pub fn everything() -> Vec<(&'static str, Value)> {
    let of = |name| overlay(name).into_values().map(move |document| (name, document));
    OVERLAYS.into_iter().flat_map(of).collect()
}

const KNOWN: [&str; 7] =
    ["apiVersion", "kind", "resources", "patches", "namespace", "nameSuffix", "images"];

fn render(folder: &Path) -> Rendered {
    let path = folder.join("kustomization.yaml");
    let mut files = documents(&path);
    assert_eq!(files.len(), 1, "{}", path.display());
    let settings = files.remove(0);
    for key in settings.as_object().unwrap().keys() {
        assert!(KNOWN.contains(&key.as_str()), "{}: {key} is not rendered here", path.display());
    }
    let mut rendered: Vec<Value> =
        list(&settings, "/resources").iter().flat_map(|name| resource(folder, name)).collect();
    for patch in list(&settings, "/patches") {
        apply(folder, patch, &mut rendered);
    }
    for document in &mut rendered {
        finish(document, &settings);
    }
    let count = rendered.len();
    let rendered: Rendered = rendered.into_iter().map(|d| (title(&d), d)).collect();
    assert_eq!(rendered.len(), count, "{}: two documents of one name", path.display());
    rendered
}

fn resource(folder: &Path, name: &Value) -> Vec<Value> {
    let path = folder.join(name.as_str().unwrap());
    match path.is_dir() {
        true => render(&path).into_values().collect(),
        false => documents(&path),
    }
}

fn apply(folder: &Path, patch: &Value, rendered: &mut [Value]) {
    let mut operations = match patch.get("path") {
        Some(path) => documents(&folder.join(path.as_str().unwrap())),
        None => parse(text(patch, "/patch"), "a patch"),
    };
    let (kind, name) = (text(patch, "/target/kind"), text(patch, "/target/name"));
    let meant = |document: &&mut Value| {
        text(document, "/kind") == kind
            && (name.is_empty() || text(document, "/metadata/name") == name)
    };
    let mut hit = false;
    for document in rendered.iter_mut().filter(meant) {
        hit = true;
        for operation in operations.iter_mut().flat_map(|o| o.as_array_mut().unwrap()) {
            change(document, operation);
        }
    }
    assert!(hit, "a patch of {kind} {name:?} meets nothing");
}

fn change(document: &mut Value, operation: &Value) {
    let (path, value) = (text(operation, "/path"), operation["value"].clone());
    match text(operation, "/op") {
        "replace" => {
            let place = document.pointer_mut(path);
            *place.unwrap_or_else(|| panic!("{path}: nothing to replace")) = value;
        }
        "add" => {
            let items = path.strip_suffix("/-").and_then(|items| document.pointer_mut(items));
            items.and_then(Value::as_array_mut).expect("a list to add to").push(value);
        }
        other => panic!("{other:?} is not rendered here"),
    }
}

fn finish(document: &mut Value, settings: &Value) {
    let metadata = document["metadata"].as_object_mut().unwrap();
    if let Some(suffix) = settings.get("nameSuffix") {
        let name = format!("{}{}", text_of(metadata, "name"), suffix.as_str().unwrap());
        metadata.insert("name".into(), name.into());
    }
    if let Some(namespace) = settings.get("namespace") {
        metadata.insert("namespace".into(), namespace.clone());
    }
    for image in list(settings, "/images") {
        rename(document, image);
    }
}

fn text_of(object: &Map<String, Value>, key: &str) -> String {
    object[key].as_str().unwrap().to_owned()
}

/// Replaces an image wherever a container names it.
fn rename(value: &mut Value, image: &Value) {
    match value {
        Value::Object(fields) => {
            let old = fields.get("image").and_then(Value::as_str).unwrap_or_default();
            if old.split(':').next() == image["name"].as_str() {
                let new = format!("{}:{}", text(image, "/newName"), text(image, "/newTag"));
                fields.insert("image".into(), new.into());
            }
            fields.values_mut().for_each(|value| rename(value, image));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, image)),
        _ => {}
    }
}

#[test]
fn kubectl_renders_the_same() {
    for name in OVERLAYS {
        let ours = overlay(name);
        let folder = deploy("kustomize/overlays").join(name);
        let Ok(output) = Command::new("kubectl").arg("kustomize").arg(&folder).output() else {
            eprintln!("SKIPPED: no kubectl to compare with");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        let theirs = parse(&String::from_utf8(output.stdout).unwrap(), name);
        let theirs: Rendered = theirs.into_iter().map(|d| (title(&d), d)).collect();
        assert_eq!(ours, theirs, "{name}");
    }
}
