//! Which of several coordinators on one work store goes on: the one with the highest epoch.
//!
//! ```text
//! coordinator/epoch-00000007.json           on stores that refuse to create a key twice
//! coordinator/epoch-00000007-<uuid>.json    on stores that do not: listing decides
//! ```
//!
//! An epoch is taken once, at start, and looked at again while the coordinator runs. Absent on
//! purpose: leases of the epoch. A coordinator that is alone never loses it, and one that was
//! overtaken does no harm until it notices, because all records are create-only.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taster_storage::{StorageError, Store};
use uuid::Uuid;

use crate::error::CoordinatorError;

const FOLDER: &str = "coordinator";
/// Others that took the same number at the same time, before this one gives up.
const MAX_RACES: u64 = 64;
/// Lower epochs that are kept, for whoever wonders who was there.
const KEPT: usize = 16;

/// An epoch that this process has taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch {
    number: u64,
    /// Decides between equal numbers; empty where the store refuses those.
    unique: String,
}

/// What an epoch's object says. Fresh for every attempt, so that a lost answer is told from a
/// lost race.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    epoch: u64,
    uuid: String,
    taken_unix_seconds: i64,
}

impl Epoch {
    /// Rises with every coordinator on one work store.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn of_key(key: &str) -> Option<Self> {
        let name = key.strip_prefix(FOLDER)?.strip_prefix("/epoch-")?.strip_suffix(".json")?;
        let (number, unique) = name.split_once('-').unwrap_or((name, ""));
        Some(Self { number: number.parse().ok()?, unique: unique.to_owned() })
    }

    fn key(&self) -> String {
        let dash = if self.unique.is_empty() { "" } else { "-" };
        format!("{FOLDER}/epoch-{:08}{dash}{}.json", self.number, self.unique)
    }

    /// Takes the epoch above all that are there. Blocks.
    ///
    /// # Errors
    /// Trouble with the store, or another coordinator that is faster every time.
    pub(crate) fn take(store: &Store) -> Result<Self, CoordinatorError> {
        let exclusive = creates_once(store)?;
        if !exclusive {
            tracing::warn!(
                "the work store overwrites objects that must be created only once: of several \
                 coordinators the listing decides; run one coordinator alone"
            );
        }
        for _ in 0..MAX_RACES {
            let uuid = Uuid::now_v7().to_string();
            let number = epochs(store)?.last().map_or(1, |last| last.number.saturating_add(1));
            let unique = if exclusive { String::new() } else { uuid.clone() };
            let epoch = Self { number, unique };
            match epoch.commit(store, uuid) {
                Err(StorageError::Conflict { .. }) => {}
                other => {
                    other?;
                    epoch.check(store)?;
                    epoch.forget_old(store);
                    return Ok(epoch);
                }
            }
        }
        let error = format!("no epoch could be taken: others were faster {MAX_RACES} times");
        Err(CoordinatorError::Internal(error))
    }

    fn commit(&self, store: &Store, uuid: String) -> Result<(), StorageError> {
        let taken_unix_seconds = crate::clock::unix_seconds();
        let record = Record { epoch: self.number, uuid, taken_unix_seconds };
        let bytes = serde_json::to_vec(&record).unwrap_or_default();
        store.commit(&self.key(), Bytes::from(bytes))
    }

    /// Whether it is still the highest. Blocks.
    ///
    /// # Errors
    /// [`CoordinatorError::Fenced`] if not; trouble with the store, which includes one that has
    /// forgotten this epoch.
    pub(crate) fn check(&self, store: &Store) -> Result<(), CoordinatorError> {
        match epochs(store)?.last() {
            Some(highest) if highest == self => Ok(()),
            Some(highest) if highest > self => {
                Err(CoordinatorError::Fenced { ours: self.number, theirs: highest.number })
            }
            _ => {
                let error = format!("work store: expected {}, got nothing", self.key());
                Err(CoordinatorError::Internal(error))
            }
        }
    }

    /// Objects that nobody looks at any more. What cannot be deleted stays.
    fn forget_old(&self, store: &Store) {
        let Ok(mut old) = epochs(store) else { return };
        old.retain(|epoch| epoch < self);
        let surplus = old.len().saturating_sub(KEPT);
        for epoch in old.iter().take(surplus) {
            let _ = store.delete(&epoch.key());
        }
    }
}

/// All epochs that were taken, ascending.
fn epochs(store: &Store) -> Result<Vec<Epoch>, StorageError> {
    let keys = store.list(FOLDER)?;
    let mut epochs: Vec<_> = keys.iter().filter_map(|(key, _)| Epoch::of_key(key)).collect();
    epochs.sort();
    Ok(epochs)
}

/// Creates a canary twice, with other bytes: some stores answer yes and overwrite.
fn creates_once(store: &Store) -> Result<bool, StorageError> {
    let key = format!("{FOLDER}/canary-{}", Uuid::now_v7());
    store.commit(&key, Bytes::from_static(b"first"))?;
    let second = store.commit(&key, Bytes::from_static(b"second"));
    let _ = store.delete(&key);
    match second {
        Ok(()) => Ok(false),
        Err(StorageError::Conflict { .. }) => Ok(true),
        Err(trouble) => Err(trouble),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with_store(test: impl FnOnce(&Store)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        test(&Store::open(folder.path().to_str().unwrap(), runtime.handle()).unwrap());
    }

    #[test]
    fn row_09_the_younger_of_two_coordinators_goes_on() {
        with_store(|store| {
            let first = Epoch::take(store).unwrap();
            first.check(store).unwrap();
            let second = Epoch::take(store).unwrap();
            assert_eq!((first.number(), second.number()), (1, 2));
            second.check(store).unwrap();
            let error = first.check(store).unwrap_err();
            assert!(matches!(error, CoordinatorError::Fenced { ours: 1, theirs: 2 }), "{error}");
            assert_eq!(error.ending().code(), 4);
        });
    }

    #[test]
    fn row_09_racers_never_share_an_epoch() {
        with_store(|store| {
            let racers: Vec<_> = std::thread::scope(|scope| {
                let racer = |_| scope.spawn(|| Epoch::take(store));
                let racers: Vec<_> = (0..8).map(racer).collect();
                racers.into_iter().map(|racer| racer.join().unwrap()).collect()
            });
            let mut taken: Vec<_> = racers.iter().flatten().map(Epoch::number).collect();
            let many = taken.len();
            taken.sort_unstable();
            taken.dedup();
            assert_eq!(taken.len(), many);
            let highest = epochs(store).unwrap().pop().unwrap();
            assert!(taken.last() == Some(&highest.number), "{taken:?} {highest:?}");
        });
    }

    #[test]
    fn row_26_where_keys_are_overwritten_the_listing_decides() {
        with_store(|store| {
            let epoch = |number, unique: &str| {
                let epoch = Epoch { number, unique: unique.into() };
                epoch.commit(store, unique.into()).unwrap();
                epoch
            };
            let (low, high) = (epoch(3, "aa"), epoch(3, "bb"));
            high.check(store).unwrap();
            assert!(low.check(store).is_err());
            let later = epoch(4, "00");
            assert!(high.check(store).is_err());
            later.check(store).unwrap();
            assert_eq!(Epoch::take(store).unwrap().number(), 5);
        });
    }

    #[test]
    fn keys_are_read_as_they_are_written_and_others_do_not_count() {
        let epochs = [(1, ""), (123_456_789, ""), (7, "0190-ab")];
        for (number, unique) in epochs.map(|(number, unique)| (number, unique.to_owned())) {
            let epoch = Epoch { number, unique };
            assert_eq!(Epoch::of_key(&epoch.key()), Some(epoch));
        }
        for key in ["coordinator/epoch-x.json", "coordinator/canary-1", "epoch-1.json", ""] {
            assert_eq!(Epoch::of_key(key), None, "{key}");
        }
    }

    #[test]
    fn old_epochs_and_canaries_do_not_pile_up() {
        with_store(|store| {
            let taken: Vec<_> = (0..30).map(|_| Epoch::take(store).unwrap().number()).collect();
            assert_eq!(taken, (1..=30).collect::<Vec<_>>());
            assert!(store.list(FOLDER).unwrap().len() <= KEPT + 2);
        });
    }
}
