//! Commits that nobody waits for: a receipt is on the disk only after the disk has answered, and a task of many
//! milliseconds need not stand still for that.
//!
//! A receipt says that a task is done to whoever comes later; the audit that ran the task does not ask. So receipts may be
//! committed one after the other on a thread of their own, as long as the audit ends only when all of them are. If the process
//! is killed before, tasks whose receipt did not arrive are run again and find their outputs there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use taster_storage::{StorageError, Store};

use crate::TaskError;

/// Receipts that may wait, so that their memory is bounded.
const WAITING: usize = 32;

/// Commits objects in the order in which they come, behind who hands them over.
#[derive(Debug)]
pub(crate) struct Behind {
    errands: Option<SyncSender<Errand>>,
    /// Whether there was trouble of which nobody was told.
    has_trouble: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

enum Errand {
    Commit { key: String, bytes: Bytes },
    Settle(Sender<Result<(), StorageError>>),
}

impl Behind {
    /// Commits to `store`.
    pub(crate) fn new(store: Store) -> Self {
        let (errands, all) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("receipts".to_owned());
        // Without a thread nothing is taken, and commits are made at once.
        let has_trouble = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&has_trouble);
        let thread = thread.spawn(move || run(&store, &all, &told)).ok();
        Self { errands: thread.is_some().then_some(errands), has_trouble, thread }
    }

    /// Hands over an object, or gives it back if it has to be committed at once: after trouble, so that who commits it meets
    /// the same now and not at the end of all waves.
    pub(crate) fn commit(&self, key: &str, bytes: Bytes) -> Result<(), Bytes> {
        let is_taken = !self.has_trouble.load(Ordering::Relaxed);
        let Some(errands) = self.errands.as_ref().filter(|_| is_taken) else {
            return Err(bytes);
        };
        let errand = Errand::Commit { key: key.to_owned(), bytes: bytes.clone() };
        errands.send(errand).map_err(|_| bytes)
    }

    /// Tells of trouble that is known by now, without waiting.
    ///
    /// # Errors
    /// As for [`Behind::settle`].
    pub(crate) fn check(&self) -> Result<(), TaskError> {
        if self.has_trouble.load(Ordering::Relaxed) { self.settle() } else { Ok(()) }
    }

    /// Waits until everything that was handed over is committed.
    ///
    /// # Errors
    /// The first trouble that came since the last call, after which nothing that was handed over is committed; or that
    /// nobody knows, because the thread has ended.
    pub(crate) fn settle(&self) -> Result<(), TaskError> {
        let Some(errands) = &self.errands else {
            return Ok(());
        };
        let (answer, answered) = channel();
        errands.send(Errand::Settle(answer)).map_err(|_| ended())?;
        Ok(answered.recv().map_err(|_| ended())??)
    }
}

fn ended() -> TaskError {
    let what = "expected receipts to be committed, got the end of the thread that commits them";
    TaskError::Output(what.to_owned())
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.errands = None;
        if let Some(thread) = self.thread.take() {
            // Who did not settle does not ask: a receipt that is missing costs its task another run.
            let _ = thread.join();
        }
    }
}

fn run(store: &Store, errands: &Receiver<Errand>, has_trouble: &AtomicBool) {
    let mut so_far = Ok(());
    for errand in errands {
        match errand {
            Errand::Commit { key, bytes } if so_far.is_ok() => {
                so_far = store.commit_unnamed(&key, &bytes);
                has_trouble.store(so_far.is_err(), Ordering::Relaxed);
            }
            Errand::Commit { .. } => {}
            Errand::Settle(answer) => {
                // Before the answer: who was told of the trouble goes on at once.
                has_trouble.store(false, Ordering::Relaxed);
                // Who no longer waits needs no answer.
                let _ = answer.send(std::mem::replace(&mut so_far, Ok(())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tempfile::TempDir;
    use tokio::runtime::Runtime;

    /// A store in a folder that is there as long as what comes with it.
    fn opened() -> (Store, TempDir, Runtime) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let store = Store::open(folder.path().to_str().unwrap(), runtime.handle()).unwrap();
        (store, folder, runtime)
    }

    #[test]
    fn what_is_settled_is_there() {
        let (store, _folder, _runtime) = opened();
        let behind = Behind::new(store.clone());
        for number in 0..100u8 {
            behind.commit(&format!("a/{number}"), Bytes::from(vec![number])).unwrap();
        }
        behind.settle().unwrap();
        assert_eq!(store.list("a").unwrap().len(), 100);
        behind.commit("late", Bytes::from_static(b"x")).unwrap();
        drop(behind);
        assert_eq!(store.get("late").unwrap().unwrap(), "x");
    }

    #[test]
    fn the_first_error_is_told_once() {
        let (store, _folder, _runtime) = opened();
        store.commit("a", Bytes::from_static(b"one")).unwrap();
        let behind = Behind::new(store.clone());
        behind.commit("a", Bytes::from_static(b"two")).unwrap();
        // Handed over while the trouble is not known yet, or given back.
        let _ = behind.commit("b", Bytes::from_static(b"after it"));
        let conflict = behind.settle().unwrap_err();
        assert!(
            matches!(conflict, TaskError::Storage(StorageError::Conflict { .. })),
            "{conflict}"
        );
        assert_eq!(store.get("b").unwrap(), None);
        behind.commit("b", Bytes::from_static(b"again")).unwrap();
        behind.settle().unwrap();
        assert_eq!(store.get("b").unwrap().unwrap(), "again");
    }

    #[test]
    fn who_was_told_of_trouble_can_hand_over_at_once() {
        let (store, _folder, _runtime) = opened();
        store.commit("a", Bytes::from_static(b"one")).unwrap();
        let behind = Behind::new(store);
        for _ in 0..300 {
            behind.commit("a", Bytes::from_static(b"two")).unwrap();
            behind.settle().unwrap_err();
        }
    }

    #[test]
    fn after_trouble_objects_are_given_back() {
        let (store, _folder, _runtime) = opened();
        store.commit("a", Bytes::from_static(b"one")).unwrap();
        let behind = Behind::new(store);
        behind.check().unwrap();
        behind.commit("a", Bytes::from_static(b"two")).unwrap();
        while !behind.has_trouble.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        assert_eq!(behind.commit("b", Bytes::from_static(b"x")).unwrap_err(), "x");
        assert!(behind.check().is_err());
        behind.check().unwrap();
    }

    #[test]
    fn what_a_thread_that_ended_was_given_is_not_taken_for_committed() {
        let (errands, _) = sync_channel(1);
        let behind = Behind { errands: Some(errands), has_trouble: Arc::default(), thread: None };
        let back = behind.commit("a", Bytes::from_static(b"x")).unwrap_err();
        assert_eq!(back, "x");
        assert!(behind.settle().is_err());
    }
}
