//! Baselines and suppressions, from where they are kept.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::Deserialize;
use taster_exchange::suppression::{Day, Exceptions, ExceptionsOutcome, Suppression};
use taster_findings::Finding;
use taster_storage::Store;

use crate::error::CliError;
use crate::locations::local_folder;
use crate::quantities::of;
use crate::run_record::timestamp;
use crate::session::Session;
use crate::settings::VerdictSettings;

/// Digits of a finding's id.
const ID_DIGITS: usize = 16;

/// The report of an audit.
const REPORT: &str = "report.json";

/// What a baseline must say.
#[derive(Debug, Deserialize)]
struct Baseline {
    findings: Vec<Known>,
}

#[derive(Debug, Deserialize)]
struct Known {
    finding_id: String,
}

/// A file of suppressions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SuppressionsFile {
    #[serde(default)]
    suppress: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    reason: String,
    expires: Option<toml::Value>,
}

/// Reads what `settings` name, as it stands today (UTC).
///
/// # Errors
/// A file that is not there or says something else.
pub fn read(session: &Session<'_>, settings: &VerdictSettings) -> Result<Exceptions, CliError> {
    let known = match &settings.baseline {
        Some(place) => baseline(session, place)?,
        None => BTreeSet::new(),
    };
    let suppressions = match &settings.suppressions {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| CliError::File {
                action: "read",
                path: path.clone(),
                source,
            });
            parse(&text?).map_err(|detail| {
                CliError::Usage(format!("suppressions: {}: {detail}", path.display()))
            })?
        }
        None => Vec::new(),
    };
    let today = &timestamp(SystemTime::now())[..10];
    Ok(Exceptions::new(suppressions, known, today))
}

/// Says what a person should know of them, and returns how they met the findings.
pub fn tell(
    session: &Session<'_>,
    exceptions: &Exceptions,
    findings: &[Finding],
) -> ExceptionsOutcome {
    let outcome = exceptions.outcome(findings);
    for expired in &outcome.expired {
        let day = expired.expires.as_deref().unwrap_or_default();
        session.log.say(&format!(
            "warning: the suppression of finding {} expired on {day} and does not count: {}",
            expired.id, expired.reason
        ));
    }
    if !outcome.unused.is_empty() {
        session.log.note(&format!(
            "{} of findings that this audit does not have: {}",
            of(outcome.unused.len() as u64, "suppression"),
            outcome.unused.join(", ")
        ));
    }
    if outcome.suppressed + outcome.known > 0 {
        session.log.note(&format!(
            "{} suppressed and {} known from the baseline are not shown and do not count; the \
             report has them",
            of(outcome.suppressed, "finding"),
            outcome.known
        ));
    }
    outcome
}

/// The ids of the findings of an earlier audit: its folder, its URL, or a `report.json`.
fn baseline(session: &Session<'_>, place: &str) -> Result<BTreeSet<String>, CliError> {
    let (folder, file) = match place.rsplit_once('/') {
        _ if !place.ends_with(".json") => (place, REPORT),
        Some((folder, file)) => (folder, file),
        None => (".", place),
    };
    let missing = || {
        CliError::Usage(format!(
            "baseline: expected the output of an audit or its report.json, found none in {place}"
        ))
    };
    // Opening a folder would make it.
    if local_folder(folder).is_some_and(|folder| !folder.join(file).is_file()) {
        return Err(missing());
    }
    let bytes = Store::open(folder, session.runtime)?.get(file)?.ok_or_else(missing)?;
    let baseline: Baseline = serde_json::from_slice(&bytes).map_err(|error| {
        CliError::Usage(format!("baseline: {place}: expected a report of taster: {error}"))
    })?;
    Ok(baseline.findings.into_iter().map(|known| known.finding_id).collect())
}

/// Suppressions as a file has them.
fn parse(text: &str) -> Result<Vec<Suppression>, String> {
    let file: SuppressionsFile =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    file.suppress.into_iter().map(suppression).collect()
}

fn suppression(entry: Entry) -> Result<Suppression, String> {
    let Entry { id, reason, expires } = entry;
    let is_id = id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return Err(format!("id: expected {ID_DIGITS} hexadecimal digits, got {id:?}"));
    }
    if reason.trim().is_empty() {
        return Err(format!("reason of {id}: expected why it needs no alarm, got nothing"));
    }
    let expires = expires.map(|value| day(&id, &value)).transpose()?;
    Ok(Suppression { id: id.to_ascii_lowercase(), reason, expires })
}

/// A day, written as a date or as a text.
fn day(id: &str, value: &toml::Value) -> Result<Day, String> {
    let error = || format!("expires of {id}: expected a day as 2027-01-31, got {value}");
    let date = match value {
        toml::Value::Datetime(datetime) => datetime.date,
        toml::Value::String(text) => {
            let parsed: Option<toml::value::Datetime> = text.parse().ok();
            parsed.filter(|datetime| datetime.time.is_none()).and_then(|datetime| datetime.date)
        }
        _ => None,
    };
    Ok(date.ok_or_else(error)?.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn suppressions_are_read() {
        let file = "[[suppress]]\nid = \"D2D7959602785AC1\"\nreason = \"footer\"\n\
                    expires = 2027-01-31\n[[suppress]]\nid = \"0123456789abcdef\"\n\
                    reason = \"x\"\n[[suppress]]\nid = \"0123456789abcdee\"\nreason = \"y\"\n\
                    expires = \"2026-02-28\"\n";
        let read = parse(file).unwrap();
        let days: Vec<_> = read.iter().map(|s| s.expires.as_deref()).collect();
        assert_eq!(days, [Some("2027-01-31"), None, Some("2026-02-28")]);
        assert_eq!(read[0].id, "d2d7959602785ac1");
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_would_suppress_by_mistake_is_refused() {
        for (entry, said) in [
            ("id = \"d2d7\"\nreason = \"x\"", "16 hexadecimal"),
            ("id = \"d2d7959602785ac1\"\nreason = \" \"", "why it needs no alarm"),
            ("id = \"d2d7959602785ac1\"", "reason"),
            ("id = \"d2d7959602785ac1\"\nreason = \"x\"\nexpires = \"soon\"", "soon"),
            ("id = \"d2d7959602785ac1\"\nreason = \"x\"\nexpires = 20270131", "20270131"),
            ("id = \"d2d7959602785ac1\"\nreason = \"x\"\nexpire = 2027-01-31", "expire"),
        ] {
            let error = parse(&format!("[[suppress]]\n{entry}\n")).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
