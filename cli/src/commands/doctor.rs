//! `taster doctor`: whether an audit can run here, and what to do where it cannot.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use taster_storage::{ObjectProbe, StorageError, Store, StoreProbe};
use uuid::Uuid;

use crate::error::CliError;
use crate::exit::Ending;
use crate::locations::local_folder;
use crate::machine;
use crate::quantities::{bytes, of};
use crate::session::Session;
use crate::settings::OutputFormat;
use crate::setup_arguments::DoctorArguments;
use crate::table::{Cell, Column, Style, Table};

/// What an audit takes if nothing else is said.
const DEFAULT_MEMORY_BYTES: u64 = 4 << 30;
/// Less than this is worth a warning: work takes about five times the text.
const LITTLE_DISK_BYTES: u64 = 10 << 30;
/// What most systems give; a coordinator of 1000 workers needs more.
const FEW_DESCRIPTORS: u64 = 1024;
/// S3 refuses signatures that differ by more.
const SKEW_SECONDS_MAX: u64 = 15 * 60;
/// Worth a warning: tokens of short life fail first.
const SKEW_SECONDS_WARN: u64 = 60;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
    /// What it needs had failed.
    Skip,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Ok => Style::Good,
            Self::Warn | Self::Skip => Style::Warning,
            Self::Fail => Style::Alarm,
        }
    }
}

/// One line of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    /// What was found.
    found: String,
    /// What to do next; empty if nothing.
    next: String,
}

impl Check {
    fn new(check: &'static str, state: State, found: String, next: &str) -> Self {
        Self { check, state, found, next: next.to_owned() }
    }

    fn ok(check: &'static str, found: String) -> Self {
        Self::new(check, State::Ok, found, "")
    }
}

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: &DoctorArguments) -> Result<Ending, CliError> {
    session.closing.resume("run the same command again".into());
    let mut checks = vec![cores(), memory(), descriptors()];
    if let Some(place) = &arguments.store {
        let store = Store::open(place, session.runtime)?;
        if let Some(folder) = local_folder(place) {
            checks.push(disk(machine::free_bytes(&folder)));
        }
        let name = format!(".taster-doctor-{}", Uuid::now_v7());
        let probe = store.probe(&name);
        if let Some(folder) = local_folder(place) {
            // Empty unless deleting failed, which is told.
            let _ = std::fs::remove_dir(folder.join(&name));
        }
        checks.extend(of_store(&probe, now_seconds()));
    }
    show(session, &checks)?;
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed { Ending::Infrastructure } else { Ending::Clean })
}

fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().cast_signed()
}

fn cores() -> Check {
    let cores = crate::configuration::cores() as u64;
    Check::ok(
        "cores",
        format!("{}: as many tasks at a time, unless --threads says", of(cores, "core")),
    )
}

fn memory() -> Check {
    let limit = machine::memory_limit_bytes();
    let Some(limit) = limit else {
        let next = "give --memory what the machine can spare";
        return Check::new("memory", State::Warn, "the system does not tell".into(), next);
    };
    let found = format!("{} for this process, --memory is 4 GiB unless said", bytes(limit));
    match limit {
        // The allocator and the program itself come on top.
        limit if limit >= DEFAULT_MEMORY_BYTES / 4 * 5 => Check::ok("memory", found),
        limit => {
            let mebibytes = (limit / 4 * 3) >> 20;
            let next = format!("give --memory {}MiB at most", mebibytes.max(64));
            Check::new("memory", State::Warn, found, &next)
        }
    }
}

fn descriptors() -> Check {
    let Some(most) = machine::open_files_max() else {
        return Check::ok("descriptors", "no limit".into());
    };
    let found = format!("{most} open files");
    match most {
        most if most >= FEW_DESCRIPTORS => Check::ok("descriptors", found),
        _ => Check::new("descriptors", State::Warn, found, "raise it, for example: ulimit -n 4096"),
    }
}

fn disk(free: Option<u64>) -> Check {
    let Some(free) = free else {
        return Check::ok("disk", "the system does not tell".into());
    };
    let found = format!("{} free", bytes(free));
    match free {
        free if free >= LITTLE_DISK_BYTES => Check::ok("disk", found),
        _ => {
            let next = "work takes about five times the text: free some, or put --work elsewhere";
            Check::new("disk", State::Warn, found, next)
        }
    }
}

/// What the probe of a store says, at the time `now` of this machine.
fn of_store(probe: &StoreProbe, now: i64) -> Vec<Check> {
    let unlike =
        "it gave back something else: a cache or proxy stands before the store; go round it";
    let unlisted =
        "a new object is not listed at once: inputs that are being written may be missed";
    let mut checks = vec![
        held("write", &probe.write.as_ref().map(|()| true), ""),
        held("list", &probe.list.as_ref().map(|held| *held), unlisted),
    ];
    match &probe.object {
        Some(object) => checks.extend([
            held("read", &object.read.as_ref().map(|held| *held), unlike),
            held("read a range", &object.range.as_ref().map(|held| *held), unlike),
            create_only(object),
            clock(object, now),
            held("delete", &object.delete.as_ref().map(|()| true), ""),
        ]),
        None => {
            checks.extend(["read", "read a range", "create only", "clock", "delete"].map(|check| {
                Check::new(check, State::Skip, "not tried".into(), "nothing could be written")
            }))
        }
    }
    checks
}

fn held(check: &'static str, held: &Result<bool, &StorageError>, otherwise: &str) -> Check {
    match held {
        Ok(true) => Check::ok(check, "works".into()),
        Ok(false) => Check::new(check, State::Fail, "does not hold".into(), otherwise),
        // Nothing depends on deleting but tidiness.
        Err(error) if check == "delete" => {
            Check::new(check, State::Warn, error.to_string(), "delete .taster-doctor-… by hand")
        }
        Err(error) => Check::new(check, State::Fail, error.to_string(), advice(error)),
    }
}

fn advice(error: &StorageError) -> &'static str {
    match error {
        StorageError::Credentials { .. } => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the role of this machine), and allow \
             GetObject, PutObject, DeleteObject and ListBucket below this prefix"
        }
        StorageError::NotFound { .. } => "make the bucket, or mend its name or the endpoint",
        StorageError::Location { .. } => "give a folder, a file:// URL or s3://bucket/prefix",
        _ => "look at AWS_ENDPOINT_URL, AWS_REGION, AWS_ALLOW_HTTP and the way to the store",
    }
}

/// Audits read back what they commit, so that a store that overwrites costs no right byte; two
/// coordinators could not see each other.
fn create_only(probe: &ObjectProbe) -> Check {
    match &probe.create_only {
        Ok(true) => Check::ok("create only", "a second writer is refused".into()),
        Ok(false) => Check::new(
            "create only",
            State::Warn,
            "the store overwrites what it should refuse".into(),
            "audits are right all the same; run one coordinator at a time on this store",
        ),
        Err(error) => Check::new("create only", State::Fail, error.to_string(), advice(error)),
    }
}

fn clock(probe: &ObjectProbe, now: i64) -> Check {
    let modified = match &probe.modified_seconds {
        Ok(modified) => *modified,
        Err(error) => {
            return Check::new("clock", State::Fail, error.to_string(), advice(error));
        }
    };
    let skew = now.abs_diff(modified);
    let found = format!("{} from the store's", of(skew, "second"));
    let next = "set the clock of this machine (ntp)";
    match skew {
        0..SKEW_SECONDS_WARN => Check::ok("clock", found),
        SKEW_SECONDS_WARN..SKEW_SECONDS_MAX => Check::new("clock", State::Warn, found, next),
        _ => Check::new("clock", State::Fail, found, next),
    }
}

fn show(session: &Session<'_>, checks: &[Check]) -> Result<(), CliError> {
    match session.format {
        OutputFormat::Json => session.terminal.json(checks),
        OutputFormat::Jsonl => checks.iter().try_for_each(|c| session.terminal.json_line(c)),
        OutputFormat::Table => session.terminal.table(&table(checks)),
    }
}

fn table(checks: &[Check]) -> Table {
    let column = |title| Column { title, right: false, max: usize::MAX };
    let mut table = Table::new(vec![column("check"), column("state"), column("found; what to do")]);
    for check in checks {
        let told = match check.next.as_str() {
            "" => check.found.clone(),
            next => format!("{}; {next}", check.found),
        };
        table.row(vec![
            Cell::new(check.check),
            Cell::styled(check.state.name(), check.state.style()),
            Cell::new(told),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> ObjectProbe {
        ObjectProbe {
            read: Ok(true),
            range: Ok(true),
            create_only: Ok(true),
            modified_seconds: Ok(1000),
            delete: Ok(()),
        }
    }

    fn probe(object: ObjectProbe) -> StoreProbe {
        StoreProbe { write: Ok(()), list: Ok(true), object: Some(object) }
    }

    fn denied() -> StorageError {
        StorageError::Credentials { key: "s3://b/k".into(), reason: "no".into() }
    }

    fn states(probe: &StoreProbe, now: i64) -> Vec<State> {
        of_store(probe, now).iter().map(|check| check.state).collect()
    }

    #[test]
    fn a_good_store_is_ok_throughout() {
        assert_eq!(states(&probe(object()), 1010), [State::Ok; 7]);
    }

    #[test]
    fn what_is_wrong_is_named_with_what_to_do() {
        let (range, create_only, delete) = (Ok(false), Ok(false), Err(denied()));
        let bad = probe(ObjectProbe { range, create_only, delete, ..object() });
        let (fail, ok, warn) = (State::Fail, State::Ok, State::Warn);
        assert_eq!(states(&bad, 1000), [ok, ok, ok, fail, warn, ok, warn]);
        let wrong = of_store(&bad, 1000);
        assert!(wrong.iter().all(|check| (check.state == ok) == check.next.is_empty()));
    }

    #[test]
    fn what_cannot_be_written_is_said_once() {
        let bad = StoreProbe { write: Err(denied()), list: Ok(true), object: None };
        let mut expected = [State::Skip; 7];
        (expected[0], expected[1]) = (State::Fail, State::Ok);
        assert_eq!(states(&bad, 1000), expected);
        assert!(of_store(&bad, 1000)[0].next.contains("AWS_ACCESS_KEY_ID"));
    }

    #[test]
    fn clocks_may_differ_a_little() {
        let clock = |now| clock(&object(), now).state;
        assert_eq!([clock(941), clock(1059)], [State::Ok; 2]);
        assert_eq!([clock(1060), clock(200)], [State::Warn; 2]);
        assert_eq!([clock(1900), clock(0)], [State::Fail; 2]);
    }
}
