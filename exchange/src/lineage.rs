//! OpenLineage run events, which catalogues of data read
//! (<https://openlineage.io/spec/2-0-2/OpenLineage.json>): one line of JSON per event.

use serde_json::{Value, json};

use crate::ExchangeError;

const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// Who says so: a URI that identifies this program.
const PRODUCER: &str = "urn:taster";

/// What happened to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// It began.
    Start,
    /// It ended with a report.
    Complete,
    /// It ended without one.
    Fail,
    /// A signal ended it.
    Abort,
}

impl EventType {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Fail => "FAIL",
            Self::Abort => "ABORT",
        }
    }
}

/// An audit as a run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// UUID of the run.
    pub id: String,
    /// Inputs, as paths or URLs.
    pub inputs: Vec<String>,
    /// Where the report goes.
    pub out: String,
}

impl Run {
    /// The event as a line of JSON; `time` is RFC 3339.
    ///
    /// # Errors
    /// None that is known: JSON is made of texts alone.
    pub fn event(&self, what: EventType, time: &str) -> Result<Vec<u8>, ExchangeError> {
        let inputs: Vec<Value> = self.inputs.iter().map(|input| dataset(input)).collect();
        let event = json!({
            "eventType": what.name(),
            "eventTime": time,
            "run": { "runId": self.id },
            "job": { "namespace": "taster", "name": "audit" },
            "inputs": inputs,
            "outputs": [dataset(&self.out)],
            "producer": PRODUCER,
            "schemaURL": SCHEMA,
        });
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// A dataset as OpenLineage names it: `s3://bucket` and key, or `file` and path.
fn dataset(location: &str) -> Value {
    let (namespace, name) = match location.split_once("://") {
        Some(("file", path)) => ("file".to_owned(), path),
        Some((scheme, rest)) => {
            let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
            (format!("{scheme}://{bucket}"), key.trim_end_matches('/'))
        }
        None => ("file".to_owned(), location),
    };
    json!({ "namespace": namespace, "name": if name.is_empty() { "/" } else { name } })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn events_have_what_the_specification_requires() {
        let run = Run {
            id: "0198f3c2-7d1e-7c3a-9a51-0d8f6f1f2a10".into(),
            inputs: vec!["s3://bucket/crawl/".into(), "/data".into(), "s3://bucket".into()],
            out: "file:///audit".into(),
        };
        for (what, name) in [
            (EventType::Start, "START"),
            (EventType::Complete, "COMPLETE"),
            (EventType::Fail, "FAIL"),
            (EventType::Abort, "ABORT"),
        ] {
            let line = run.event(what, "2026-11-26T12:00:00Z").unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            let event: Value = serde_json::from_slice(&line).unwrap();
            for required in ["eventTime", "producer", "schemaURL", "run", "job"] {
                assert!(event.get(required).is_some(), "{required}");
            }
            assert_eq!(event["eventType"], name);
            assert_eq!(event["run"]["runId"], run.id);
            let datasets = json!([
                { "namespace": "s3://bucket", "name": "crawl" },
                { "namespace": "file", "name": "/data" },
                { "namespace": "s3://bucket", "name": "/" },
            ]);
            assert_eq!(event["inputs"], datasets);
            assert_eq!(event["outputs"][0]["name"], "/audit");
        }
    }
}
