//! The dashboard and the alerts ask for metrics that the programs serve.

use std::collections::BTreeSet;

use serde_json::Value;
use taster_tests::places::repository;

use super::documents::{deploy, documents, list, text, visit};

/// Names that are registered in a program, without prefix and suffix.
fn registered() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for program in ["coordinator", "worker"] {
        let source = repository().join(program).join("src/metrics.rs");
        let source = std::fs::read_to_string(source).unwrap();
        let product = source.split("#[cfg(test)]").next().unwrap();
        for call in product.split(".register(").skip(1) {
            names.insert(call.split('"').nth(1).unwrap().to_owned());
        }
    }
    assert!(names.len() > 15, "{names:?}");
    names
}

/// Metrics that an expression names, without prefix and suffix.
fn asked(expression: &str) -> Vec<String> {
    let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_');
    let names = words.filter_map(|word| word.strip_prefix("taster_"));
    let bare = |name: &str| {
        let suffixes = ["_total", "_bucket", "_count", "_sum", "_info"];
        let suffix = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        suffix.unwrap_or(name).to_owned()
    };
    names.map(bare).collect()
}

fn expressions(document: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    visit(document, &mut |key, value| {
        if key == "expr" {
            found.push(value.as_str().unwrap());
        }
    });
    found
}

fn balanced(expression: &str) -> bool {
    let mut open = Vec::new();
    for c in expression.chars() {
        match c {
            '(' | '[' | '{' => open.push(c),
            ')' if open.pop() != Some('(') => return false,
            ']' if open.pop() != Some('[') => return false,
            '}' if open.pop() != Some('{') => return false,
            _ => {}
        }
    }
    open.is_empty()
}

fn check(document: &Value, least: usize) {
    let (known, expressions) = (registered(), expressions(document));
    assert!(expressions.len() >= least, "{}", expressions.len());
    for expression in expressions {
        let names = asked(expression);
        assert!(!names.is_empty() && balanced(expression), "{expression}");
        for name in names {
            assert!(known.contains(&name), "{expression}: {name} is none of {known:?}");
        }
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let text = std::fs::read_to_string(deploy("dashboards/taster.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    check(&dashboard, 20);
    let panels = list(&dashboard, "/panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        assert!(!panel["description"].as_str().unwrap().is_empty());
        let place = &panel["gridPos"];
        let right = place["x"].as_i64().unwrap() + place["w"].as_i64().unwrap();
        assert!(right <= 24, "{}", panel["title"]);
    }
}

#[test]
fn alerts_ask_for_what_there_is_and_say_what_to_do() {
    let rules = documents(&deploy("dashboards/rules.yaml")).remove(0);
    check(&rules, 8);
    for rule in list(&rules, "/groups/0/rules") {
        let name = text(rule, "/alert");
        assert!(name.starts_with("Taster"), "{name}");
        assert!(["info", "warning", "critical"].contains(&text(rule, "/labels/severity")));
        for note in ["summary", "description"] {
            assert!(!text(rule, &format!("/annotations/{note}")).is_empty(), "{name}: {note}");
        }
    }
}

#[test]
fn unknown_metrics_are_found() {
    assert_eq!(asked("rate(taster_frobs_total[5m]) / taster_workers"), ["frobs", "workers"]);
    assert!(!registered().contains("frobs"));
    assert!(!balanced("sum(a[5m)"));
}
