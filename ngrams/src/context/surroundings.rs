//! What stands around the n-grams of one document: contexts and unseen n-grams, prepared once so
//! that a posting costs a few loads.

use super::{COMMON_FROM, CONTEXT, WINDOW};
use crate::fingerprint::fingerprint;
use crate::lookup::Found;
use crate::posting::context;

/// Contexts and unseen n-grams of the current document.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// Hashes of what precedes the first four positions, of the four tokens from every position
    /// that has as many, and of what follows the last positions. The edge of a document is a
    /// context like any other.
    contexts: Vec<u32>,
    /// Unseen n-grams that start before a position, with `WINDOW` positions more on both sides.
    unseen: Vec<u32>,
    /// Tokens of a window less those of an unseen n-gram, plus one: n-grams of a window.
    ngrams: usize,
}

impl Surroundings {
    /// `inner` are the fingerprints of the document's n-grams of order [`CONTEXT`].
    pub(super) fn hash(&mut self, hashes: &[u64], inner: impl Iterator<Item = u64>) {
        let last = hashes.len();
        let before = (0..CONTEXT).map(|end| fingerprint(&hashes[..end.min(last)]));
        let inner_ends = (last + 1).saturating_sub(CONTEXT);
        let after = (inner_ends..=last).map(|start| fingerprint(&hashes[start..]));
        self.contexts.clear();
        self.contexts.extend(before.chain(inner).chain(after).map(|hash| hash as u32));
    }

    /// Says of every n-gram of `order` of a document of `tokens` whether it is unseen.
    pub(super) fn count_unseen(
        &mut self,
        unseen: impl Iterator<Item = bool>,
        order: usize,
        tokens: usize,
    ) {
        self.ngrams = WINDOW + 1 - order;
        self.unseen.clear();
        self.unseen.resize(WINDOW + 1, 0);
        let mut sum = 0;
        self.unseen.extend(unseen.map(|is_unseen| {
            sum += u32::from(is_unseen);
            sum
        }));
        self.unseen.resize(tokens + 2 * WINDOW + 1, sum);
    }

    /// The up to four tokens before position `at` as a context of an n-gram of `df`. `found` holds
    /// the n-grams of order [`CONTEXT`] between two empty places, or nothing if they were not counted:
    /// then no context is common, and neither is one that reaches the edge of the document.
    #[inline]
    pub(super) fn left(&self, at: usize, df: u32, found: &[Found]) -> u32 {
        // An n-gram that ends at `at` is the one of four places before, behind the empty place.
        let common = found.get((at + 1).wrapping_sub(CONTEXT)).map_or(0, |found| found.df);
        context(self.contexts[at], common > df.saturating_mul(COMMON_FROM))
    }

    /// The up to four tokens from position `end` on.
    #[inline]
    pub(super) fn right(&self, end: usize, df: u32, found: &[Found]) -> u32 {
        self.left(end + CONTEXT, df, found)
    }

    /// Unseen n-grams in the window from `end` on minus those in the window before `at`.
    #[inline]
    pub(super) fn jump(&self, at: usize, end: usize) -> i8 {
        let inside =
            |from: usize| self.unseen[from + self.ngrams] as i32 - self.unseen[from] as i32;
        (inside(end + WINDOW) - inside(at)) as i8
    }
}
