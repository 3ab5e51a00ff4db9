//! Polars on the same data: exact document frequencies and spread over hosts, order by order.
//!
//! That is less than an audit does (one axis, counts only), and what a user would write today.
//! Its tokens are runs of ASCII word characters and single other characters.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::{Deserialize, Serialize};

use crate::arguments::SpeedArguments;
use crate::corpus::shards;

/// The orders of an audit.
const ORDERS: std::ops::RangeInclusive<u8> = 1..=5;

/// The script's file name.
const SCRIPT: &str = "polars_ngrams.py";

/// Runs the script in one interpreter, without counting the interpreter's start and imports, and
/// reads the peak from `/proc` because `ru_maxrss` remembers the process before `exec`.
const TIMED: &str = "
import json, runpy, sys, time
import polars
sys.argv = sys.argv[1:]
start = time.perf_counter()
runpy.run_path(sys.argv[0], run_name='__main__')
seconds = time.perf_counter() - start
lines = open('/proc/self/status').read().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) * 1024
print(json.dumps({'seconds': seconds, 'peak_bytes': peak, 'version': polars.__version__}))
";

/// The peer, ready to run.
#[derive(Debug)]
pub struct Peer {
    python: PathBuf,
    script: PathBuf,
}

/// All orders, one after the other.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PeerRun {
    /// Sum over the orders.
    pub seconds: f64,
    /// Largest resident set of any order's process.
    pub peak_bytes: u64,
    /// Version of Polars.
    pub version: String,
    /// Seconds of each order.
    pub orders: Vec<(u8, f64)>,
    /// What the script printed, a line per order.
    pub printed: Vec<String>,
}

#[derive(Deserialize)]
struct Order {
    seconds: f64,
    peak_bytes: u64,
    version: String,
}

impl Peer {
    /// The peer that the arguments name; nothing if they name none.
    pub fn named(arguments: &SpeedArguments) -> Option<Self> {
        let python = arguments.polars.clone()?;
        let script = arguments.peers.as_ref()?.join(SCRIPT);
        Some(Self { python, script })
    }

    /// Counts every order of the `expected_shards` files in `folder`.
    ///
    /// # Errors
    /// Why it could not, in words.
    pub fn run(&self, folder: &str, expected_shards: u64, threads: u16) -> Result<PeerRun, String> {
        let found = shards(Path::new(folder)) as u64;
        if found != expected_shards {
            return Err(format!(
                "it would read {found} of {expected_shards} shards: those right in {folder}"
            ));
        }
        let mut run = PeerRun::default();
        for order in ORDERS {
            run.add(order, &self.order(folder, order, threads)?)?;
        }
        Ok(run)
    }

    fn order(&self, folder: &str, order: u8, threads: u16) -> Result<String, String> {
        eprintln!("polars, order {order}");
        let mut command = Command::new(&self.python);
        command
            .args(["-c", TIMED])
            .arg(&self.script)
            .args(script_arguments(folder, order, threads));
        // Polars reads it when it is imported, which is before the script sets it.
        command.env("POLARS_MAX_THREADS", threads.to_string()).stdin(Stdio::null());
        let output = command.output();
        let output = output.map_err(|error| format!("{}: {error}", self.python.display()))?;
        printed(order, output)
    }
}

fn script_arguments(folder: &str, order: u8, threads: u16) -> Vec<OsString> {
    let line = [
        "--src",
        folder,
        "--n",
        &order.to_string(),
        "--by-host",
        "--threads",
        &threads.to_string(),
    ];
    line.iter().map(OsString::from).collect()
}

fn printed(order: u8, output: Output) -> Result<String, String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().last().unwrap_or("it said nothing");
    Err(format!("order {order}: {}: {last}", output.status))
}

impl PeerRun {
    fn add(&mut self, order: u8, printed: &str) -> Result<(), String> {
        let (said, json) = printed.trim_end().rsplit_once('\n').unwrap_or(("", printed));
        let taken: Order = serde_json::from_str(json).map_err(|error| {
            format!("order {order}: expected a measurement, got {json:?}: {error}")
        })?;
        self.seconds += taken.seconds;
        self.peak_bytes = self.peak_bytes.max(taken.peak_bytes);
        self.version = taken.version;
        self.orders.push((order, taken.seconds));
        self.printed.push(said.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn orders_are_summed_and_the_peak_is_the_largest() {
        let mut run = PeerRun::default();
        let first = r#"{"seconds":1.5,"peak_bytes":7,"version":"2"}"#;
        let second = r#"{"seconds":2.0,"peak_bytes":3,"version":"2"}"#;
        run.add(1, &format!("rows 5\n{first}\n")).unwrap();
        run.add(2, &format!("rows 6\n{second}\n")).unwrap();
        assert_eq!((run.seconds, run.peak_bytes), (3.5, 7));
        assert_eq!(run.printed, ["rows 5", "rows 6"]);
        assert!(run.add(3, "no measurement").is_err());
    }
}
