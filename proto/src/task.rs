//! Names of tasks, audits and workers.

use taster_planning::schedule::{AuditId, Stage, TaskKey, WorkerId};

use crate::{WireError, v1};

/// Longest identity of an audit or worker, in bytes.
const ID_BYTES: usize = 64;
const AN_ID: &str = "1 to 64 letters, digits, hyphens or underscores";

/// Ids become parts of keys and of logs.
fn id(field: &'static str, text: String) -> Result<String, WireError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.is_empty() || text.len() > ID_BYTES || !text.bytes().all(plain) {
        return Err(WireError::text(field, AN_ID, &text));
    }
    Ok(text)
}

/// The audit that a request names.
///
/// # Errors
/// What is not 1 to 64 letters, digits, hyphens or underscores.
pub fn audit_id(text: impl Into<String>) -> Result<AuditId, WireError> {
    id("audit_id", text.into()).map(AuditId)
}

/// The worker that a hello names.
///
/// # Errors
/// As for [`audit_id`].
pub fn worker_id(text: impl Into<String>) -> Result<WorkerId, WireError> {
    id("hello.worker_id", text.into()).map(WorkerId)
}

impl From<&TaskKey> for v1::Task {
    fn from(task: &TaskKey) -> Self {
        Self {
            audit_id: task.audit.0.clone(),
            generation: task.generation,
            stage: task.stage.name().to_owned(),
            index: task.index,
        }
    }
}

impl TryFrom<v1::Task> for TaskKey {
    type Error = WireError;

    fn try_from(task: v1::Task) -> Result<Self, WireError> {
        let stage = Stage::named(&task.stage);
        let names = "count, screen, count-triples, screen-triples, count-longer, screen-longer, context, score, choose, evidence or report";
        let stage = stage.ok_or_else(|| WireError::text("task.stage", names, &task.stage))?;
        let audit = AuditId(id("task.audit_id", task.audit_id)?);
        Ok(Self { audit, generation: task.generation, stage, index: task.index })
    }
}

/// The task of a message that must have one.
pub(crate) fn present(task: Option<v1::Task>) -> Result<TaskKey, WireError> {
    task.ok_or_else(|| WireError::nothing("task", "a task"))?.try_into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn task(audit_id: &str, stage: &str) -> v1::Task {
        let (audit_id, stage) = (audit_id.to_owned(), stage.to_owned());
        v1::Task { audit_id, generation: 3, stage, index: u32::MAX }
    }

    #[test]
    fn a_task_comes_back_as_it_went() {
        for stage in Stage::ALL {
            let key = TaskKey { audit: AuditId("a-1_B".into()), generation: 7, stage, index: 9 };
            assert_eq!(TaskKey::try_from(v1::Task::from(&key)), Ok(key));
        }
    }

    #[test]
    fn row_44_hostile_names_of_tasks_are_refused() {
        let long = "a".repeat(65);
        for id in ["", ".", "..", "a/b", "a b", "a\0", "é", "../../etc", long.as_str()] {
            let error = TaskKey::try_from(task(id, "count")).unwrap_err();
            assert_eq!((error.field, error.expected), ("task.audit_id", AN_ID), "{id}");
            assert!(audit_id(id).is_err() && worker_id(id).is_err(), "{id}");
        }
        for stage in ["", "Count", "merge", "count ", "count\0"] {
            let error = TaskKey::try_from(task("a", stage)).unwrap_err();
            assert_eq!(error.field, "task.stage", "{stage}");
        }
        assert_eq!(present(None).unwrap_err().to_string(), "task: expected a task, got nothing");
    }
}
