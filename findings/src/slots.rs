//! Where a sequence goes on behind a slot that varies from document to document.
//!
//! A payload need not be one passage: TrojanPuzzle (H. Aghakhani and others, arXiv 2301.02344) leaves a token open
//! that is another in each document, and families of paths or names share a stem before a tail that varies. Exact n-grams
//! see pieces of it. Here the pieces are put together: from the end of a closed sequence over a slot of a few tokens to
//! the next tokens that the documents share, as a skip-gram with a free number of skipped tokens.

use std::collections::BTreeSet;

use crate::surroundings::PIECE;

/// Tokens of a slot at most: a name, a path of a few parts, a number.
const SLOT: usize = 8;
/// Slots on each side of the sequence at most.
const SLOTS: usize = 4;
/// Share of the documents that must go on alike behind a slot: all but those that the edge of a text cuts short.
const SHARE: f64 = 0.9;
/// Different contents per document from which a slot varies: one that most documents fill alike is the furniture of a site, or
/// the end of a sequence that a few documents lack.
const VARIED: f64 = 0.5;
/// Documents whose continuation is tried on the others: if nine in ten go on alike, one of three does.
const REFERENCES: usize = 3;

/// Token hashes beside a sequence, away from it.
pub trait Beside {
    /// Documents.
    fn documents(&self) -> usize;
    /// The token at a distance of a document's sequence, 0 for its neighbour.
    fn token(&self, document: usize, distance: usize) -> Option<u64>;
}

/// A slot as the first document has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Tokens between the sequence and the slot in the first document.
    pub distance: usize,
    /// Its tokens there.
    pub tokens: usize,
    /// Different contents over all documents that go on behind it.
    pub contents: usize,
    /// Those documents.
    pub documents: usize,
}

/// How far the documents go on alike on one side of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// Tokens per document that belong to what is shared, slots included.
    pub tokens: Vec<usize>,
    /// The slots, from the sequence outwards.
    pub slots: Vec<Slot>,
}

/// Follows the documents over slots on one side of a closed sequence.
///
/// Greedy: of the first documents' continuations behind a slot of at most eight tokens the nearest wins whose first three
/// tokens stand within as few tokens in nine of ten documents, and before which at least half of these have contents of their
/// own; then token by token as long as all of them agree. Cost: documents × slots × 3 × 8 × 9 comparisons.
#[must_use]
pub fn alike(beside: &impl Beside) -> Alike {
    let mut at: Vec<Option<usize>> = vec![Some(0); beside.documents()];
    let mut all = Alike { tokens: vec![0; beside.documents()], slots: Vec::new() };
    while all.slots.len() < SLOTS {
        let Some((gaps, slot)) = bridge(beside, &at) else {
            break;
        };
        all.slots.push(slot);
        for (at, gap) in at.iter_mut().zip(&gaps) {
            *at = at.zip(*gap).map(|(at, gap)| at + gap + PIECE);
        }
        while goes_on(beside, &at) {
            at.iter_mut().flatten().for_each(|at| *at += 1);
        }
        for (tokens, at) in all.tokens.iter_mut().zip(&at) {
            *tokens = at.unwrap_or(*tokens);
        }
    }
    // A first document that the edge cut short shows no slot.
    if at.first().copied().flatten().is_none() {
        all.slots.clear();
    }
    all
}

/// Tokens skipped in every document that goes on alike, if enough do and what is skipped varies.
fn bridge(beside: &impl Beside, at: &[Option<usize>]) -> Option<(Vec<Option<usize>>, Slot)> {
    let least = ((SHARE * at.len() as f64).ceil() as usize).max(2);
    let others = at.len().checked_sub(least)?;
    let alive = (0..at.len()).filter(|&document| at[document].is_some());
    alive.take(REFERENCES).find_map(|reference| {
        (1..=SLOT).find_map(|gap| {
            let expected = piece(beside, reference, at[reference]? + gap)?;
            let gaps = gaps(beside, at, expected, others)?;
            let slot = slot(beside, at, &gaps);
            (slot.contents as f64 >= VARIED * slot.documents as f64).then_some((gaps, slot))
        })
    })
}

/// Tokens before the nearest `expected` in every document that has it within a slot; nothing once more than `others` do not.
fn gaps(
    beside: &impl Beside,
    at: &[Option<usize>],
    expected: [u64; PIECE],
    mut others: usize,
) -> Option<Vec<Option<usize>>> {
    let mut gaps = Vec::with_capacity(at.len());
    for (document, from) in at.iter().enumerate() {
        // Most places differ in their first token.
        let is_here = |from: usize| {
            beside.token(document, from) == Some(expected[0])
                && piece(beside, document, from) == Some(expected)
        };
        let gap = from.and_then(|from| (0..=SLOT).find(|gap| is_here(from + gap)));
        if gap.is_none() {
            others = others.checked_sub(1)?;
        }
        gaps.push(gap);
    }
    Some(gaps)
}

fn piece(beside: &impl Beside, document: usize, at: usize) -> Option<[u64; PIECE]> {
    let mut piece = [0; PIECE];
    for (step, token) in piece.iter_mut().enumerate() {
        *token = beside.token(document, at + step)?;
    }
    Some(piece)
}

/// Whether all documents that are still there have the same next token.
fn goes_on(beside: &impl Beside, at: &[Option<usize>]) -> bool {
    let next = |(document, at): (usize, &Option<usize>)| at.map(|at| beside.token(document, at));
    let mut tokens = at.iter().enumerate().filter_map(next);
    let first = tokens.next().flatten();
    first.is_some() && tokens.all(|token| token == first)
}

fn slot(beside: &impl Beside, at: &[Option<usize>], gaps: &[Option<usize>]) -> Slot {
    let content = |(document, (at, gap)): (usize, (&Option<usize>, &Option<usize>))| {
        let (at, gap) = (*at).zip(*gap)?;
        (at..at + gap)
            .map(|distance| beside.token(document, distance))
            .collect::<Option<Vec<u64>>>()
    };
    let contents: Vec<Vec<u64>> = at.iter().zip(gaps).enumerate().filter_map(content).collect();
    Slot {
        distance: at.first().copied().flatten().unwrap_or(0),
        tokens: gaps.first().copied().flatten().unwrap_or(0),
        documents: contents.len(),
        contents: contents.into_iter().collect::<BTreeSet<_>>().len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Texts(Vec<Vec<u64>>);

    impl Beside for Texts {
        fn documents(&self) -> usize {
            self.0.len()
        }

        fn token(&self, document: usize, distance: usize) -> Option<u64> {
            self.0[document].get(distance).copied()
        }
    }

    /// A fixed text with a slot in which document `d` has `d % 3 + 1` tokens of its own.
    fn puzzle(documents: u64) -> Texts {
        Texts(
            (0..documents)
                .map(|d| {
                    let slot = (0..d % 3 + 1).map(|step| 1000 * (d + 1) + step);
                    let own = (0..9).map(|step| 100_000 * (d + 1) + step);
                    slot.chain([1, 2, 3, 4]).chain([7000 + d]).chain([5, 6, 7]).chain(own).collect()
                })
                .collect(),
        )
    }

    #[test]
    fn goes_over_slots_of_any_width() {
        let found = alike(&puzzle(20));
        assert_eq!(found.tokens[..3], [9, 10, 11]);
        let slots = [
            Slot { distance: 0, tokens: 1, contents: 20, documents: 20 },
            Slot { distance: 5, tokens: 1, contents: 20, documents: 20 },
        ];
        assert_eq!(found.slots, slots);
    }

    #[test]
    fn unrelated_texts_and_few_tokens_are_not_bridged() {
        let strangers =
            Texts((0..20).map(|d| (0..30).map(|step| 100 * d + step).collect()).collect());
        assert_eq!(alike(&strangers), Alike { tokens: vec![0; 20], slots: vec![] });
        let two = Texts((0..20).map(|d| vec![100 + d, 1, 2, 200 + d]).collect());
        assert_eq!(alike(&two).tokens, vec![0; 20]);
        assert_eq!(alike(&Texts(vec![])).tokens, Vec::<usize>::new());
        let filled_alike = Texts((0..20).map(|d| vec![50 + d % 2, 1, 2, 3, 4, 100 + d]).collect());
        assert_eq!(alike(&filled_alike).slots, []);
        // Half of the documents are not enough.
        let mut half = puzzle(20);
        half.0.iter_mut().step_by(2).for_each(|text| text.truncate(3));
        assert_eq!(alike(&half).slots, []);
    }

    #[test]
    fn some_may_end_early() {
        let mut texts = puzzle(20);
        texts.0[7].truncate(4);
        let found = alike(&texts);
        assert_eq!((found.tokens[7], found.tokens[6]), (0, 9));
        assert_eq!(found.slots[0].documents, 19);
    }

    proptest! {
        #[test]
        fn what_is_alike_is_inside_the_text(texts in prop::collection::vec(prop::collection::vec(0u64..4, 0..40), 0..12)) {
            let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
            let found = alike(&Texts(texts));
            prop_assert!(found.tokens.iter().zip(&lengths).all(|(tokens, length)| tokens <= length));
            prop_assert!(found.slots.len() <= SLOTS);
        }
    }
}
