//! Commits what the scheduler decides, however long the store has trouble.

use std::sync::Arc;
use std::time::Duration;

use taster_planning::schedule::{AuditId, Ending, Event, Exclusion, StageRecord};
use taster_storage::{StorageError, Store};
use taster_tasks::{AuditFolder, TaskError};
use tokio::sync::mpsc;

use crate::blocking::blocking;
use crate::desk::Note;
use crate::epoch::Epoch;
use crate::error::CoordinatorError;
use crate::metrics::Metrics;
use crate::registry::Registry;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Whoever commits records. Clones are the same clerk.
#[derive(Debug, Clone)]
pub(crate) struct Clerk {
    pub(crate) store: Store,
    pub(crate) epoch: Epoch,
    pub(crate) registry: Arc<Registry>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) desk: mpsc::Sender<Note>,
}

impl Clerk {
    /// Commits that a stage is complete. Losing this is harmless, so it is not insisted on.
    pub(crate) fn record(&self, audit: AuditId, record: StageRecord) {
        let clerk = self.clone();
        tokio::spawn(async move {
            let folder = clerk.folder(&audit);
            let stage = record.stage.name();
            match clerk.insist("record", move || Ok(folder.record(&record)?)).await {
                Ok(()) => tracing::info!(audit = audit.0, stage, "stage complete"),
                Err(error) => tracing::error!(audit = audit.0, stage, %error, "not recorded"),
            }
        });
    }

    /// Commits an exclusion and tells the desk.
    pub(crate) fn exclude(&self, audit: AuditId, generation: u32, cause: Exclusion) {
        let clerk = self.clone();
        tokio::spawn(async move {
            let committed = clerk.commit_exclusion(&audit, generation, cause).await;
            let (generation, refused) = match committed {
                Ok(generation) => (generation, None),
                Err(CoordinatorError::Fenced { .. }) => return,
                Err(error) => (generation.saturating_sub(1), Some(error.to_string())),
            };
            match &refused {
                None => tracing::warn!(audit = audit.0, generation, "a shard is left out"),
                Some(reason) => tracing::error!(audit = audit.0, reason, "no shard to leave out"),
            }
            let event = Event::Excluded { audit, generation, refused };
            // The desk is gone when the coordinator ends.
            let _ = clerk.desk.send(Note::Event(event)).await;
        });
    }

    async fn commit_exclusion(
        &self,
        audit: &AuditId,
        generation: u32,
        cause: Exclusion,
    ) -> Result<u32, CoordinatorError> {
        let (folder, epoch, store) = (self.folder(audit), self.epoch.clone(), self.store.clone());
        self.insist("exclude", move || {
            epoch.check(&store)?;
            folder.exclude(generation, &cause)?;
            Ok(folder.generation()?)
        })
        .await
    }

    /// Commits how an audit ended, then tells those who watch. The first ending stays.
    pub(crate) fn end(&self, audit: AuditId, ending: Ending) {
        let clerk = self.clone();
        tokio::spawn(async move {
            let (folder, epoch, store) =
                (clerk.folder(&audit), clerk.epoch.clone(), clerk.store.clone());
            let wanted = ending.clone();
            let committed = clerk.insist("end", move || {
                epoch.check(&store)?;
                folder.end(&wanted)?;
                Ok(folder.ending()?.unwrap_or_else(|| wanted.clone()))
            });
            match committed.await {
                Ok(ending) => clerk.ended(&audit, ending),
                Err(CoordinatorError::Fenced { .. }) => {}
                Err(error) => {
                    tracing::error!(audit = audit.0, %error, "the ending is not committed");
                    clerk.ended(&audit, ending);
                }
            }
        });
    }

    fn ended(&self, audit: &AuditId, ending: Ending) {
        let (state, reason) = taster_proto::state(Some(&ending));
        tracing::info!(audit = audit.0, state = state.as_str_name(), reason, "audit ended");
        self.metrics.ended(&ending);
        self.registry.end(audit, ending);
    }

    /// The records of an audit.
    pub(crate) fn folder(&self, audit: &AuditId) -> AuditFolder {
        AuditFolder::new(self.store.clone(), audit)
    }

    /// Runs `work` until it succeeds or fails for a reason that stays.
    pub(crate) async fn insist<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl Fn() -> Result<T, CoordinatorError> + Send + Sync + 'static,
    ) -> Result<T, CoordinatorError> {
        let work = Arc::new(work);
        let mut pause = FIRST_PAUSE;
        loop {
            let once = Arc::clone(&work);
            match blocking(move || once()).await {
                Err(error) if is_trouble(&error) => {
                    self.metrics.store_request(operation, "retried");
                    tracing::warn!(operation, %error, "the work store has trouble");
                }
                other => {
                    let outcome = if other.is_ok() { "ok" } else { "failed" };
                    self.metrics.store_request(operation, outcome);
                    return other;
                }
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }
}

/// Whether trying again may help.
pub(crate) fn is_trouble(error: &CoordinatorError) -> bool {
    let storage = match error {
        CoordinatorError::Storage(error) => error,
        CoordinatorError::Task(TaskError::Storage(error)) => error,
        _ => return false,
    };
    matches!(storage, StorageError::Io { .. } | StorageError::Credentials { .. })
}
