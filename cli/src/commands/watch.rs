//! `taster watch`: how far an audit on a cluster is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use taster_proto::v1;
use taster_tasks::{Progress, Wave};

use crate::arguments::WatchArguments;
use crate::error::CliError;
use crate::exit::Ending;
use crate::progress::Watch;
use crate::remote::{ConnectionArguments, Remote};
use crate::session::Session;

/// A coordinator that is away is waited for so long: it is being restarted.
const PATIENCE: Duration = Duration::from_secs(600);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: WatchArguments) -> Result<Ending, CliError> {
    let remote = Remote::new(&arguments.connection, session.runtime)?;
    let audit = follow(session, &remote, &arguments.connection, &arguments.audit)?;
    let line = match audit.state() {
        v1::AuditState::Failed => format!("{}: failed: {}", audit.audit_id, audit.reason),
        state => format!("{}: {}, report in {}", audit.audit_id, name(state), audit.out),
    };
    session.terminal.line(&line)?;
    Ok(ending(&audit))
}

/// How a command ends that waited for the audit, whatever it found.
pub fn ending(audit: &v1::Audit) -> Ending {
    if audit.state() == v1::AuditState::Done { Ending::Clean } else { Ending::Infrastructure }
}

/// The state's name in output.
pub fn name(state: v1::AuditState) -> &'static str {
    match state {
        v1::AuditState::Unspecified => "unknown",
        v1::AuditState::Running => "running",
        v1::AuditState::Done => "done",
        v1::AuditState::Failed => "failed",
        v1::AuditState::Cancelled => "cancelled",
    }
}

/// Shows the progress of an audit until it has ended; a broken connection is made again.
pub fn follow(
    session: &Session<'_>,
    remote: &Remote<'_>,
    connection: &ConnectionArguments,
    audit_id: &str,
) -> Result<v1::Audit, CliError> {
    session.closing.resume(format!(
        "the audit goes on; come back with: taster watch {audit_id} --coordinator {}",
        connection.coordinator
    ));
    let watch = Watch::new(session.log.clone());
    let mut shown = Shown::default();
    let (mut pause, mut heard) = (FIRST_PAUSE, Instant::now());
    loop {
        let result = remote.watch(audit_id, |audit| {
            (pause, heard) = (FIRST_PAUSE, Instant::now());
            shown.update(&watch, audit);
        });
        match result {
            Ok(Some(audit)) if audit.state() != v1::AuditState::Running => {
                watch.finish();
                return Ok(audit);
            }
            Ok(_) => {}
            Err(error) if error.is_request() || heard.elapsed() > PATIENCE => return Err(error),
            Err(error) => session.log.note(&format!("{error}; trying again")),
        }
        std::thread::sleep(pause);
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// What was shown so far.
#[derive(Default)]
struct Shown {
    generation: u32,
    /// Tasks told as done, per stage.
    done: BTreeMap<String, u32>,
}

impl Shown {
    fn update(&mut self, watch: &dyn Progress, audit: &v1::Audit) {
        if audit.generation > self.generation {
            self.generation = audit.generation;
            self.done.clear();
            watch.quarantined("a shard", "it turned bad; the audit starts over without it");
        }
        for stage in &audit.stages {
            if let Some(wave) = wave(&stage.stage) {
                self.stage(watch, wave, stage);
            }
        }
    }

    fn stage(&mut self, watch: &dyn Progress, wave: Wave, stage: &v1::StageProgress) {
        let told = self.done.entry(stage.stage.clone()).or_insert_with(|| {
            watch.wave_started(wave, u64::from(stage.tasks), 0);
            0
        });
        // A coordinator that was restarted counts from the beginning: what was told stays told.
        for number in *told..stage.done {
            watch.task_done(wave, 0, stage.done - number <= stage.reused);
        }
        *told = (*told).max(stage.done);
    }
}

/// The wave that a stage is shown as; single steps are not shown.
fn wave(stage: &str) -> Option<Wave> {
    Wave::ALL.into_iter().find(|wave| wave.name() == stage)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Progress for Told {
        fn wave_started(&self, wave: Wave, tasks: u64, _: u64) {
            self.0.lock().unwrap().push(format!("{} {tasks}", wave.name()));
        }
        fn task_done(&self, wave: Wave, _: u64, reused: bool) {
            self.0.lock().unwrap().push(format!(
                "{}{}",
                wave.name(),
                if reused { "*" } else { "" }
            ));
        }
        fn quarantined(&self, _: &str, _: &str) {
            self.0.lock().unwrap().push("over".into());
        }
    }

    fn state(generation: u32, stages: &[(&str, u32, u32, u32)]) -> v1::Audit {
        let stage = |&(stage, tasks, done, reused): &(&str, u32, u32, u32)| v1::StageProgress {
            stage: stage.to_owned(),
            tasks,
            done,
            reused,
            running: 0,
        };
        let stages = stages.iter().map(stage).collect();
        v1::Audit { generation, stages, ..v1::Audit::default() }
    }

    #[test]
    fn every_task_is_told_once() {
        let (told, mut shown) = (Told::default(), Shown::default());
        shown.update(&told, &state(0, &[("count", 3, 1, 0)]));
        shown.update(&told, &state(0, &[("count", 3, 1, 0)]));
        shown.update(&told, &state(0, &[("count", 3, 3, 1), ("choose", 1, 1, 0)]));
        shown.update(&told, &state(0, &[("count", 3, 2, 2)]));
        shown.update(&told, &state(1, &[("count", 2, 1, 1)]));
        let told = told.0.into_inner().unwrap();
        assert_eq!(told, ["count 3", "count", "count", "count*", "over", "count 2", "count*"]);
    }
}
