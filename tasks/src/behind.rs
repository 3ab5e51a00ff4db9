//! Commits that nobody waits for: a receipt is on the disk only after the disk has answered, and a task of many
//! milliseconds need not stand still for that.
//!
//! A receipt says that a task is done to whoever comes later; within its wave nobody asks. So receipts may be committed one after
//! the other on a thread of their own, as long as the wave ends only when all of them are. If the process is killed before,
//! tasks whose receipt did not arrive are run again and find their outputs there.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use taster_storage::{StorageError, Store};

/// Receipts that may wait, so that their memory is bounded.
const WAITING: usize = 32;

/// Commits objects in the order in which they come, behind who hands them over.
#[derive(Debug)]
pub(crate) struct Behind {
    errands: Option<SyncSender<Errand>>,
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
        let thread = thread.spawn(move || run(&store, &all)).ok();
        Self { errands: thread.is_some().then_some(errands), thread }
    }

    /// Hands over an object, or gives it back if it has to be committed at once.
    pub(crate) fn commit(&self, key: &str, bytes: Bytes) -> Result<(), Bytes> {
        let Some(errands) = &self.errands else {
            return Err(bytes);
        };
        let errand = Errand::Commit { key: key.to_owned(), bytes: bytes.clone() };
        errands.send(errand).map_err(|_| bytes)
    }

    /// Waits until everything that was handed over is committed.
    ///
    /// # Errors
    /// The first that came since the last call; what was handed over after it is not committed.
    pub(crate) fn settle(&self) -> Result<(), StorageError> {
        let (answer, answered) = channel();
        let asked = self.errands.as_ref().is_some_and(|e| e.send(Errand::Settle(answer)).is_ok());
        if asked { answered.recv().unwrap_or(Ok(())) } else { Ok(()) }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.errands = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say that settling would not have said.
            let _ = thread.join();
        }
    }
}

fn run(store: &Store, errands: &Receiver<Errand>) {
    let mut so_far = Ok(());
    for errand in errands {
        match errand {
            Errand::Commit { key, bytes } if so_far.is_ok() => so_far = store.commit(&key, bytes),
            Errand::Commit { .. } => {}
            Errand::Settle(answer) => {
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
    use tokio::runtime::Runtime;

    #[test]
    fn what_is_settled_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let store = Store::open(folder.path().to_str().unwrap(), runtime.handle()).unwrap();
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
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let store = Store::open(folder.path().to_str().unwrap(), runtime.handle()).unwrap();
        store.commit("a", Bytes::from_static(b"one")).unwrap();
        let behind = Behind::new(store.clone());
        behind.commit("a", Bytes::from_static(b"two")).unwrap();
        behind.commit("b", Bytes::from_static(b"after it")).unwrap();
        assert!(matches!(behind.settle(), Err(StorageError::Conflict { .. })));
        assert_eq!(store.get("b").unwrap(), None);
        behind.commit("b", Bytes::from_static(b"again")).unwrap();
        behind.settle().unwrap();
        assert_eq!(store.get("b").unwrap().unwrap(), "again");
    }
}
