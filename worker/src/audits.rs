//! The audits that a worker has open, shared by its slots.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use taster_planning::schedule::{Facts, TaskKey};
use taster_storage::StorageError;
use taster_tasks::{Resources, SharedAudit, TaskError};
use tokio::runtime::Handle;

use crate::runner::TaskRunner;

/// Audits that stay open beside those in use.
const MOST: usize = 4;
/// How long an audit stays open that no task has used.
const UNUSED: Duration = Duration::from_secs(600);

/// Runs tasks of audits, which it opens on first use.
pub(crate) struct AuditRunner {
    audits: Opened<SharedAudit>,
    resources: Resources,
    storage: Handle,
}

impl AuditRunner {
    /// `resources` are those of all slots together; stores connect on `storage`.
    pub(crate) fn new(resources: Resources, storage: Handle) -> Self {
        Self { audits: Opened::default(), resources, storage }
    }
}

impl TaskRunner for AuditRunner {
    fn run(&self, work: &str, task: &TaskKey, stop: &Arc<AtomicBool>) -> Result<Facts, TaskError> {
        let place = Place { work: work.to_owned(), audit: task.audit.0.clone() };
        let open = || SharedAudit::open(work, &task.audit, &self.resources, &self.storage);
        let audit = self.audits.get(place, Instant::now(), open).map_err(of_this_worker)?;
        let result = audit.run(task.generation, task.stage, task.index, stop);
        // While it is still held, so that its time begins now.
        self.audits.tidy(Instant::now());
        result
    }

    fn tidy(&self) {
        self.audits.tidy(Instant::now());
    }
}

/// An audit that cannot be opened here, for lack of memory or because the store is at another
/// place, may well be opened elsewhere: that must not count against its tasks.
fn of_this_worker(error: TaskError) -> TaskError {
    match error {
        TaskError::Parameter(reason) => {
            let (action, key) = ("open", "the audit on this worker".to_owned());
            StorageError::Io { action, key, source: reason.into() }.into()
        }
        other => other,
    }
}

/// Which audit, and of which store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    work: String,
    audit: String,
}

/// Values that are opened once and shared.
struct Opened<A> {
    entries: DashMap<Place, Arc<Entry<A>>>,
}

struct Entry<A> {
    state: Mutex<State<A>>,
}

struct State<A> {
    value: Option<Arc<A>>,
    used: Instant,
}

impl<A> Default for Opened<A> {
    fn default() -> Self {
        Self { entries: DashMap::new() }
    }
}

impl<A> Opened<A> {
    /// The value at `place`. Who asks first opens it and the others wait for that; after a
    /// failure the next one tries again.
    fn get<E>(
        &self,
        place: Place,
        now: Instant,
        open: impl FnOnce() -> Result<A, E>,
    ) -> Result<Arc<A>, E> {
        let entry = Arc::clone(&*self.entries.entry(place).or_insert_with(|| Entry::new(now)));
        let mut state = entry.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.used = state.used.max(now);
        if let Some(value) = &state.value {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(open()?);
        state.value = Some(Arc::clone(&value));
        Ok(value)
    }

    /// Lets go of what has not been used for long, and of the longest unused beyond [`MOST`].
    /// What a task holds stays.
    fn tidy(&self, now: Instant) {
        let mut idle: Vec<_> = self
            .entries
            .iter()
            .filter_map(|entry| Some((entry.idle_since(now)?, entry.key().clone())))
            .collect();
        idle.sort_unstable_by(|a, b| b.cmp(a));
        for (at, (used, place)) in idle.into_iter().enumerate() {
            if at >= MOST || now.saturating_duration_since(used) >= UNUSED {
                self.entries.remove_if(&place, |_, entry| entry.idle_since(now).is_some());
            }
        }
    }
}

impl<A> Entry<A> {
    fn new(now: Instant) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { value: None, used: now }) })
    }

    /// When it was used last; `None` while somebody uses or opens it, which is noted.
    fn idle_since(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut state = self.state.try_lock().ok()?;
        let held = state.value.as_ref().is_some_and(|value| Arc::strong_count(value) > 1);
        // The map has one reference; whoever has another is about to open it.
        if held || Arc::strong_count(self) > 1 {
            state.used = now;
            return None;
        }
        Some(state.used)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn place(audit: &str) -> Place {
        Place { work: "w".into(), audit: audit.into() }
    }

    fn get(opened: &Opened<u32>, audit: &str, now: Instant) -> Arc<u32> {
        opened.get(place(audit), now, || Ok::<_, ()>(1)).unwrap()
    }

    #[test]
    fn an_audit_is_opened_once_even_if_all_slots_ask_at_the_same_time() {
        let (opened, opens) = (Opened::<u32>::default(), AtomicUsize::new(0));
        let (barrier, now) = (Barrier::new(8), Instant::now());
        let slot = || {
            barrier.wait();
            let open = || {
                std::thread::sleep(Duration::from_millis(50));
                opens.fetch_add(1, Ordering::Relaxed);
                Ok::<_, ()>(7)
            };
            assert_eq!(*opened.get(place("a"), now, open).unwrap(), 7);
        };
        std::thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(slot))));
        assert_eq!(opens.into_inner(), 1);
    }

    #[test]
    fn a_worker_that_cannot_open_an_audit_has_trouble_and_the_task_has_not_failed() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let resources = Resources { threads: 1, memory_bytes: 1 << 30, unit_bytes: None };
        let runner = AuditRunner::new(resources, runtime.handle().clone());
        let folder = tempfile::tempdir().unwrap();
        let audit = taster_planning::schedule::AuditId("absent".into());
        let stage = taster_planning::schedule::Stage::Count;
        let task = TaskKey { audit, generation: 0, stage, index: 0 };
        let work = folder.path().to_str().unwrap();
        let outcome = crate::outcome::of(|| runner.run(work, &task, &Arc::default()));
        let reason = crate::outcome::reason(&outcome).unwrap();
        assert_eq!(crate::outcome::name(&outcome), "trouble");
        assert!(reason.starts_with("cannot open the audit on this worker: expected"), "{reason}");
    }

    #[test]
    fn a_failure_to_open_is_not_kept() {
        let (opened, now) = (Opened::<u32>::default(), Instant::now());
        assert_eq!(opened.get(place("a"), now, || Err("no")), Err("no"));
        assert_eq!(opened.get(place("a"), now, || Ok::<_, ()>(3)), Ok(Arc::new(3)));
    }

    #[test]
    fn audits_of_two_stores_are_not_mixed_up() {
        let (opened, now) = (Opened::<u32>::default(), Instant::now());
        let other = Place { work: "v".into(), audit: "a".into() };
        get(&opened, "a", now);
        assert_eq!(opened.get(other, now, || Ok::<_, ()>(2)), Ok(Arc::new(2)));
    }

    #[test]
    fn an_unused_audit_is_let_go_after_ten_minutes_and_one_in_use_never() {
        let (opened, now) = (Opened::<u32>::default(), Instant::now());
        let used = get(&opened, "used", now);
        get(&opened, "unused", now);
        opened.tidy(now + UNUSED - Duration::from_secs(1));
        assert_eq!(opened.entries.len(), 2);
        opened.tidy(now + UNUSED);
        assert!(opened.entries.contains_key(&place("used")));
        assert_eq!(opened.entries.len(), 1);
        drop(used);
        opened.tidy(now + UNUSED * 2 - Duration::from_secs(1));
        assert_eq!(opened.entries.len(), 1, "it was used until a moment ago");
        opened.tidy(now + UNUSED * 2);
        assert!(opened.entries.is_empty());
    }

    #[test]
    fn beyond_four_the_longest_unused_goes() {
        let (opened, now) = (Opened::<u32>::default(), Instant::now());
        for (second, audit) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
            get(&opened, audit, now + Duration::from_secs(second as u64));
        }
        get(&opened, "a", now + Duration::from_secs(9));
        opened.tidy(now + Duration::from_secs(9));
        let mut left: Vec<_> = opened.entries.iter().map(|e| e.key().audit.clone()).collect();
        left.sort();
        assert_eq!(left, ["a", "d", "e", "f"]);
    }
}
