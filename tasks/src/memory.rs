//! Memory that tasks leave to the next task of their wave: asking the system for it again, page
//! by page, would cost more than much of the work.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use taster_findings::Surroundings;
use taster_ngrams::Segment;
use taster_ngrams::context::Describer;
use taster_ngrams::count::Counter;
use taster_ngrams::longer::{Frequent, Survivors};
use taster_ngrams::lookup::Screened;

use crate::sighting::Cuts;

/// What the waves reuse. Not more of anything than tasks at the same time.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub segments: Pool<Segment>,
    pub counters: Pool<Counter>,
    pub frequent: Pool<Frequent>,
    pub survivors: Pool<Survivors>,
    pub tables: Pool<Screened>,
    pub describers: Pool<Describer>,
    pub slices: Pool<Vec<u8>>,
    pub cuts: Pool<Cuts>,
    pub surroundings: Pool<Surroundings>,
}

impl Memory {
    /// Frees all of it: a wave is over.
    pub(crate) fn free(&self) {
        self.segments.free();
        self.counters.free();
        self.frequent.free();
        self.survivors.free();
        self.tables.free();
        self.describers.free();
        self.slices.free();
        self.cuts.free();
        self.surroundings.free();
    }
}

/// Values of which tasks take one each and leave it to the next.
#[derive(Debug, Default)]
pub(crate) struct Pool<T>(Mutex<Vec<T>>);

impl<T: Default> Pool<T> {
    /// A value as its last user left it, or a new one.
    pub(crate) fn lend(&self) -> Lent<'_, T> {
        let value = self.all().pop().unwrap_or_default();
        Lent { pool: self, value }
    }

    fn free(&self) {
        self.all().clear();
    }

    fn all(&self) -> impl DerefMut<Target = Vec<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that returns to its pool.
#[derive(Debug)]
pub(crate) struct Lent<'a, T: Default> {
    pool: &'a Pool<T>,
    value: T,
}

impl<T: Default> Deref for Lent<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Default> DerefMut for Lent<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: Default> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        self.pool.all().push(std::mem::take(&mut self.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_return_and_are_freed() {
        let pool = Pool::<Vec<u8>>::default();
        {
            let (mut first, second) = (pool.lend(), pool.lend());
            first.push(7);
            assert!(second.is_empty());
        }
        let both = [pool.lend(), pool.lend()].map(|lent| lent.len());
        assert_eq!(both.iter().sum::<usize>(), 1);
        pool.free();
        assert!(pool.lend().is_empty());
    }
}
