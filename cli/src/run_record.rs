//! `run.json`: what differs from run to run, and therefore is in no other file of an audit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Serialize;
use taster_storage::Store;
use taster_tasks::{Audit, AuditRequest, Resources, WrittenFile};

use crate::configuration::cores;
use crate::error::CliError;
use crate::locations::{absolute_input, scheme};
use crate::progress::WaveTimes;

/// Version of the file's layout; rises when a reader would have to change.
const SCHEMA_VERSION: u32 = 1;

/// Its name in the output folder.
pub const RUN_RECORD: &str = "run.json";

/// How one audit went.
#[derive(Debug, Serialize)]
pub struct RunRecord {
    schema_version: u32,
    taster_version: &'static str,
    /// The inputs, local ones as absolute paths: what `verify` reads again.
    inputs: Vec<String>,
    /// The files of the audit with their checksums: what `verify` computes again.
    outputs: Vec<WrittenFile>,
    /// What keys of shards are relative to; absent if there is no shard.
    input_root: Option<String>,
    schemes: BTreeSet<String>,
    work: String,
    started: String,
    finished: String,
    seconds: f64,
    machine: Machine,
    tasks: u64,
    tasks_reused: u64,
    waves: Vec<WaveTimes>,
    /// Entity tag by shard key; they belong to the store, not to the corpus.
    etags: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Machine {
    os: &'static str,
    architecture: &'static str,
    cores: usize,
    threads: usize,
    memory_bytes: u64,
    /// Largest resident memory of this process so far; absent where the system does not tell.
    peak_memory_bytes: Option<u64>,
}

impl RunRecord {
    /// The record of a run that began at `started` and ends now.
    pub fn new(
        request: &AuditRequest,
        audit: &Audit,
        outputs: Vec<WrittenFile>,
        waves: Vec<WaveTimes>,
        started: SystemTime,
    ) -> Self {
        let finished = SystemTime::now();
        let shards = &audit.manifest.shards;
        let first = shards.first().zip(audit.locations.first());
        let tags = shards.iter().filter_map(|shard| Some((shard.key.clone(), shard.etag.clone()?)));
        Self {
            schema_version: SCHEMA_VERSION,
            taster_version: env!("CARGO_PKG_VERSION"),
            inputs: request.inputs.iter().map(|input| absolute_input(input)).collect(),
            outputs,
            input_root: first.and_then(|(shard, location)| root(location, &shard.key)),
            schemes: audit.locations.iter().map(|location| scheme(location).to_owned()).collect(),
            work: absolute_input(&request.work),
            started: timestamp(started),
            finished: timestamp(finished),
            seconds: finished.duration_since(started).unwrap_or_default().as_secs_f64(),
            machine: Machine::new(&request.resources),
            tasks: waves.iter().map(|wave| wave.tasks).sum(),
            tasks_reused: waves.iter().map(|wave| wave.reused).sum(),
            waves,
            etags: tags.collect(),
        }
    }

    /// Seconds from start to end.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn write(&self, out: &Store) -> Result<(), CliError> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| CliError::Internal(error.to_string()))?;
        json.push(b'\n');
        Ok(out.replace(RUN_RECORD, Bytes::from(json))?)
    }
}

/// What is before the key in a shard's location.
fn root(location: &str, key: &str) -> Option<String> {
    location.strip_suffix(key).map(absolute_input)
}

impl Machine {
    fn new(resources: &Resources) -> Self {
        Self {
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            cores: cores(),
            threads: resources.threads,
            memory_bytes: resources.memory_bytes,
            peak_memory_bytes: peak_memory_bytes(),
        }
    }
}

/// `VmHWM` of proc(5).
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// A time as RFC 3339 in UTC, to the second.
pub fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a day since 1970-01-01.
///
/// The algorithm is `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms" (<https://howardhinnant.github.io/date_algorithms.html>), for days from 1970 on.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn peak_memory_is_plausible_where_it_is_told() {
        assert!(peak_memory_bytes().is_none_or(|bytes| (1 << 20..1 << 44).contains(&bytes)));
    }
}
