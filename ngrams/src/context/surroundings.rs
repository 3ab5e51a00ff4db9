//! What stands around the n-grams of one document: contexts and unseen n-grams, prepared once so
//! that a posting costs a few loads.

use super::{COMMON_FROM, CONTEXT, WINDOW};
use crate::fingerprint::{Ngrams, polynomial};
use crate::posting::context;

/// Contexts and unseen n-grams of the current document.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    /// What precedes the first four positions, the four tokens from every position
    /// that has as many, and what follows the last positions. The edge of a document is a
    /// context like any other.
    contexts: Vec<Context>,
    /// Unseen n-grams that start before a position, with `WINDOW` positions more on both sides.
    unseen: Vec<u32>,
    /// Tokens of a window less those of an unseen n-gram, plus one: n-grams of a window.
    ngrams: usize,
}

/// Up to four tokens.
#[derive(Debug, Clone, Copy, Default)]
struct Context {
    /// The upper half of their polynomial, in which all of the tokens are mixed.
    hash: u32,
    /// Documents that have all four, if there are four and they were counted.
    df: u32,
}

impl Context {
    fn new(polynomial: u64, df: u32) -> Self {
        Self { hash: (polynomial >> 32) as u32, df }
    }
}

impl Surroundings {
    /// `ngrams` are those of order [`CONTEXT`] of the document, and `df` theirs between two empty places, or nothing if they
    /// were not counted: then no context is common, and neither is one that reaches the edge of the document.
    pub(super) fn hash(&mut self, hashes: &[u64], ngrams: Ngrams<'_>, df: &[u32]) {
        let last = hashes.len();
        let edge = |tokens: &[u64]| Context::new(polynomial(tokens), 0);
        let inner = (last + 1).saturating_sub(CONTEXT);
        self.contexts.clear();
        self.contexts.extend((0..CONTEXT).map(|end| edge(&hashes[..end.min(last)])));
        match df.get(1..=inner) {
            Some(df) => {
                let contexts = df.iter().enumerate();
                self.contexts.extend(contexts.map(|(at, &df)| Context::new(ngrams.sum(at), df)));
            }
            None => self.contexts.extend((0..inner).map(|at| Context::new(ngrams.sum(at), 0))),
        }
        self.contexts.extend((inner..=last).map(|start| edge(&hashes[start..])));
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

    /// The up to four tokens before position `at` as a context of an n-gram of `df`.
    #[inline]
    pub(super) fn left(&self, at: usize, df: u32) -> u32 {
        let Context { hash, df: common } = self.contexts[at];
        context(hash, common > df.saturating_mul(COMMON_FROM))
    }

    /// The up to four tokens from position `end` on.
    #[inline]
    pub(super) fn right(&self, end: usize, df: u32) -> u32 {
        self.left(end + CONTEXT, df)
    }

    /// Unseen n-grams in the window from `end` on minus those in the window before `at`.
    #[inline]
    pub(super) fn jump(&self, at: usize, end: usize) -> i8 {
        let inside =
            |from: usize| self.unseen[from + self.ngrams] as i32 - self.unseen[from] as i32;
        (inside(end + WINDOW) - inside(at)) as i8
    }
}
