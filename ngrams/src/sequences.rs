//! Finds known token sequences in a text again.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::tokenizer::{Span, Tokenizer};

/// Token sequences to be found, by their ordinal in the order given.
#[derive(Debug, Default)]
pub struct Sequences {
    /// Sequences by their first token, so that a text of `t` tokens costs `t` look-ups.
    by_first: BTreeMap<String, Vec<(usize, Vec<String>)>>,
}

impl Sequences {
    /// Prepares these sequences; an empty one is never found.
    #[must_use]
    pub fn new<'a>(sequences: impl IntoIterator<Item = &'a [String]>) -> Self {
        let mut by_first: BTreeMap<String, Vec<(usize, Vec<String>)>> = BTreeMap::new();
        for (ord, tokens) in sequences.into_iter().enumerate() {
            if let Some((first, rest)) = tokens.split_first() {
                by_first.entry(first.clone()).or_default().push((ord, rest.to_vec()));
            }
        }
        Self { by_first }
    }

    /// Every place of every sequence in `text`: its ordinal and its bytes, by first byte, then by
    /// ordinal. Places may overlap.
    pub fn find(&self, text: &str, tokenizer: &dyn Tokenizer) -> Vec<(usize, Range<usize>)> {
        let mut spans = Vec::new();
        tokenizer.spans(text, &mut spans);
        let mut found = Vec::new();
        for (at, first) in spans.iter().enumerate() {
            for (ord, rest) in self.by_first.get(token(text, *first)).into_iter().flatten() {
                let Some(following) = spans.get(at + 1..at + 1 + rest.len()) else {
                    continue;
                };
                if following.iter().map(|span| token(text, *span)).eq(rest) {
                    let last = following.last().unwrap_or(first);
                    found.push((*ord, first.start as usize..last.end as usize));
                }
            }
        }
        found
    }
}

fn token(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Words;

    fn sequences(all: &[&str]) -> Sequences {
        let split = |text: &&str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let all: Vec<Vec<String>> = all.iter().map(split).collect();
        Sequences::new(all.iter().map(Vec::as_slice))
    }

    #[test]
    fn places_are_found_whatever_the_white_space_and_overlap() {
        let sequences = sequences(&["a b", "b", "a b a", "c"]);
        let found = sequences.find("é a\n b a  b", &Words);
        // é takes two bytes.
        assert_eq!(found, [(0, 3..7), (2, 3..9), (1, 6..7), (0, 8..12), (1, 11..12)]);
    }

    #[test]
    fn parts_of_words_and_cut_sequences_are_no_places() {
        let sequences = sequences(&["a b", "ab c"]);
        assert_eq!(sequences.find("ab a", &Words), []);
        let none: [&[String]; 1] = [&[]];
        assert_eq!(Sequences::new(none).find("a", &Words), []);
    }
}
