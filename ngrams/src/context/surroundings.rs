//! What stands around the n-grams of one document: contexts and unseen n-grams, prepared once so
//! that a posting costs a few loads.

use super::{CONTEXT, WINDOW};
use crate::fingerprint::fingerprint;

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

    /// Hash of the up to four tokens before position `at`.
    #[inline]
    pub(super) fn left(&self, at: usize) -> u32 {
        self.contexts[at]
    }

    /// Hash of the up to four tokens from position `end` on.
    #[inline]
    pub(super) fn right(&self, end: usize) -> u32 {
        self.contexts[end + CONTEXT]
    }

    /// Unseen n-grams in the window from `end` on minus those in the window before `at`.
    #[inline]
    pub(super) fn jump(&self, at: usize, end: usize) -> i8 {
        let inside =
            |from: usize| self.unseen[from + self.ngrams] as i32 - self.unseen[from] as i32;
        (inside(end + WINDOW) - inside(at)) as i8
    }
}
