//! Requests that are under way before their bytes are asked for, so that a store's answers come
//! while what is there is decoded.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::ReadError;
use crate::object::{Pinned, Underway};

/// Reads of one object, some of which are begun early. It holds no more than its user begins:
/// one window for each column. What is never asked for is given up when this is dropped.
pub(crate) struct ReadAhead {
    object: Arc<Pinned>,
    /// By the first byte.
    underway: Mutex<BTreeMap<u64, Underway>>,
}

impl ReadAhead {
    pub(crate) fn new(object: &Arc<Pinned>) -> Self {
        Self { object: Arc::clone(object), underway: Mutex::default() }
    }

    pub(crate) fn object(&self) -> &Pinned {
        &self.object
    }

    /// Begins to read `range`, if that takes long. What is wrong with it is told to who asks.
    pub(crate) fn begin(&self, range: Range<u64>) {
        let mut underway = self.underway();
        if range.is_empty() || underway.contains_key(&range.start) {
            return;
        }
        if let Some(begun) = self.object.begin(&range) {
            underway.insert(range.start, begun);
        }
    }

    /// Gives up all that does not begin at one of `starts`.
    pub(crate) fn keep(&self, starts: &[u64]) {
        self.underway().retain(|start, _| starts.contains(start));
    }

    /// Gives up all that begins within `range`.
    pub(crate) fn give_up(&self, range: &Range<u64>) {
        self.underway().retain(|start, _| !range.contains(start));
    }

    /// The bytes from `range.start` on, at least up to `least` and at most up to `range.end`.
    pub(crate) fn read(&self, range: Range<u64>, least: u64) -> Result<Bytes, ReadError> {
        let begun = self.underway().remove(&range.start);
        let Some(begun) = begun else {
            return self.object.read(range);
        };
        let head = self.object.finish(begun)?;
        let reached = range.start + head.len() as u64;
        match reached < least {
            true => Ok(joined(&head, &self.object.read(reached..range.end)?)),
            false => Ok(head),
        }
    }

    /// First bytes of what is under way.
    #[cfg(test)]
    pub(crate) fn starts(&self) -> Vec<u64> {
        self.underway().keys().copied().collect()
    }

    fn underway(&self) -> MutexGuard<'_, BTreeMap<u64, Underway>> {
        self.underway.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One piece after the other.
pub(crate) fn joined(head: &Bytes, rest: &Bytes) -> Bytes {
    let mut bytes = BytesMut::with_capacity(head.len() + rest.len());
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(rest);
    bytes.freeze()
}
