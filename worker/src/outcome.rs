//! What a coordinator is told about how a task ended.

use taster_planning::schedule::{Facts, Outcome};
use taster_storage::StorageError;
use taster_tasks::TaskError;

use crate::contained::contained;

/// Runs a task and says how it ended, whatever it does.
pub(crate) fn of(task: impl FnOnce() -> Result<Facts, TaskError>) -> Outcome {
    match contained(task) {
        Ok(Ok(facts)) => Outcome::Done(facts),
        Ok(Err(error)) => of_error(error),
        Err(panic) => Outcome::Failed(panic),
    }
}

fn of_error(error: TaskError) -> Outcome {
    match error {
        TaskError::Shard(quarantine) => Outcome::BadShard(quarantine),
        TaskError::Stopped => Outcome::Released,
        TaskError::Storage(error) if may_pass(&error) => Outcome::Trouble(error.to_string()),
        error => Outcome::Failed(error.to_string()),
    }
}

/// Whether trying later or on another worker may help. Access is refused while credentials are
/// renewed, and an object is not found where a folder is not mounted; a location that cannot be
/// read, an input that names nothing, and bytes that differ stay as they are.
fn may_pass(error: &StorageError) -> bool {
    match error {
        StorageError::Credentials { .. }
        | StorageError::NotFound { .. }
        | StorageError::Io { .. } => true,
        StorageError::Location { .. } | StorageError::Conflict { .. } | StorageError::Input(_) => {
            false
        }
    }
}

/// Its name in logs and metrics.
pub(crate) fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::BadShard(_) => "bad_shard",
        Outcome::Trouble(_) => "trouble",
        Outcome::Failed(_) => "failed",
        Outcome::Released => "released",
    }
}

/// Whether the task was found done: its output was there before.
pub(crate) fn found_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done(facts) if facts.reused > 0)
}

/// Why it did not end well; a bad shard is told by the coordinator.
pub(crate) fn reason(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Trouble(reason) | Outcome::Failed(reason) => Some(reason),
        Outcome::Done(_) | Outcome::BadShard(_) | Outcome::Released => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use taster_planning::{Quarantine, QuarantineReason};

    fn key() -> String {
        "k".into()
    }

    fn of_storage(error: StorageError) -> &'static str {
        name(&of(|| Err(error.into())))
    }

    #[test]
    fn facts_bad_shards_and_stops_are_told_as_they_are() {
        let facts = Facts { bytes: 3, tasks: 2, reused: 1 };
        assert_eq!(of(|| Ok(facts)), Outcome::Done(facts));
        let bad =
            Quarantine { shard: "s".into(), reason: QuarantineReason::Changed, detail: "d".into() };
        let told = of(|| Err(TaskError::Shard(bad.clone())));
        assert_eq!(told, Outcome::BadShard(bad));
        assert_eq!(of(|| Err(TaskError::Stopped)), Outcome::Released);
    }

    #[test]
    fn row_5_trouble_with_the_store_is_not_the_tasks_fault() {
        let broken = std::io::Error::other("x");
        let io = StorageError::Io { action: "read", key: key(), source: broken.into() };
        assert_eq!(of_storage(io), "trouble");
        let refused = StorageError::Credentials { key: key(), reason: "expired".into() };
        assert_eq!(of_storage(refused), "trouble");
        assert_eq!(of_storage(StorageError::NotFound { key: key() }), "trouble");
    }

    #[test]
    fn what_stays_wrong_is_a_failure() {
        assert_eq!(of_storage(StorageError::Input("x".into())), "failed");
        let location = StorageError::Location { location: key(), reason: "x".into() };
        assert_eq!(of_storage(location), "failed");
        let conflict =
            StorageError::Conflict { key: key(), expected: "a".into(), found: "b".into() };
        assert_eq!(of_storage(conflict), "failed");
        assert_eq!(name(&of(|| Err(TaskError::Parameter("x".into())))), "failed");
        let damaged = TaskError::Damaged { object: key(), detail: "x".into() };
        assert_eq!(of(|| Err(damaged)), Outcome::Failed("k is damaged: x".into()));
    }

    #[test]
    fn row_13_a_panic_is_a_failure_with_its_message() {
        let outcome = of(|| panic!("out of luck"));
        let Outcome::Failed(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("out of luck"), "{reason}");
    }
}
