//! The distinct words of a corpus, sorted into classes whose members can stand for one another.

use std::collections::{BTreeMap, HashMap};

use taster_ngrams::{Span, Tokenizer, Words};

use crate::corpus::{Corpus, texts};
use crate::error::LabError;

/// Distinct words that are counted; any later one keeps its spelling in every copy.
const WORDS_MAX: usize = 1_000_000;
/// Occurrences below which a word is rare: it gets new spellings rather than another word's place.
const RARE_BELOW: u32 = 3;

/// Words that can stand for one another: the same script and case, and a count within a factor of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class {
    shape: Shape,
    log2_count: u32,
}

/// What a word looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    /// The part of Unicode that the first character is from.
    script: u32,
    case: Case,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    Digits(usize),
    Lower,
    Capital,
    Upper,
    Mixed,
}

/// The words of a corpus.
pub(super) struct Lexicon {
    ordinals: HashMap<Box<str>, u32>,
    words: Vec<Box<str>>,
    /// Members of each class that is not rare, by ordinal.
    classes: BTreeMap<Class, Vec<u32>>,
    /// Rare words of each shape, for their spelling.
    rare: BTreeMap<Shape, Vec<u32>>,
}

impl Lexicon {
    /// Counts the words of a corpus.
    pub(super) fn of(corpus: &dyn Corpus) -> Result<Self, LabError> {
        let mut counts = Counts::default();
        for shard in corpus.shards() {
            corpus.read(&shard, &mut |batch| {
                texts(&shard, &batch)?.iter().flatten().for_each(|text| counts.add(text));
                Ok(())
            })?;
        }
        Ok(Self::new(counts))
    }

    fn new(counts: Counts) -> Self {
        let mut classes: BTreeMap<Class, Vec<u32>> = BTreeMap::new();
        let mut rare: BTreeMap<Shape, Vec<u32>> = BTreeMap::new();
        for (ordinal, (word, count)) in (0u32..).zip(counts.words.iter().zip(&counts.counts)) {
            let shape = Shape::of(word);
            if *count < RARE_BELOW {
                rare.entry(shape).or_default().push(ordinal);
            } else {
                classes
                    .entry(Class { shape, log2_count: count.ilog2() })
                    .or_default()
                    .push(ordinal);
            }
        }
        Self { ordinals: counts.ordinals, words: counts.words, classes, rare }
    }

    pub(super) fn ordinal(&self, word: &str) -> Option<u32> {
        self.ordinals.get(word).copied()
    }

    pub(super) fn word(&self, ordinal: u32) -> &str {
        &self.words[ordinal as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The members of each class of words that are not rare.
    pub(super) fn classes(&self) -> impl Iterator<Item = &[u32]> {
        self.classes.values().map(Vec::as_slice)
    }

    /// The rare words of each shape.
    pub(super) fn rare(&self) -> impl Iterator<Item = &[u32]> {
        self.rare.values().map(Vec::as_slice)
    }
}

#[derive(Default)]
struct Counts {
    ordinals: HashMap<Box<str>, u32>,
    words: Vec<Box<str>>,
    counts: Vec<u32>,
    spans: Vec<Span>,
}

impl Counts {
    fn add(&mut self, text: &str) {
        let mut spans = std::mem::take(&mut self.spans);
        spans.clear();
        Words.spans(text, &mut spans);
        spans
            .iter()
            .map(|span| token(text, *span))
            .filter(|token| is_word(token))
            .for_each(|word| self.count(word));
        self.spans = spans;
    }

    fn count(&mut self, word: &str) {
        if let Some(ordinal) = self.ordinals.get(word) {
            let count = &mut self.counts[*ordinal as usize];
            *count = count.saturating_add(1);
        } else if self.words.len() < WORDS_MAX {
            self.ordinals.insert(word.into(), self.words.len() as u32);
            self.words.push(word.into());
            self.counts.push(1);
        }
    }
}

/// The token at a span of a text.
pub(super) fn token(text: &str, span: Span) -> &str {
    &text[span.start as usize..span.end as usize]
}

/// Whether a token is a word or a number rather than a mark.
pub(super) fn is_word(token: &str) -> bool {
    token.chars().next().is_some_and(char::is_alphanumeric)
}

impl Shape {
    fn of(word: &str) -> Self {
        let first = word.chars().next().map_or(0, u32::from);
        // Latin with its accents is one part, the scripts of East Asia go by 4096, all others by 128 code points.
        let script = match first {
            0..0x250 => 0,
            0x2E80.. => first >> 12 << 12,
            _ => first >> 7 << 7,
        };
        Self { script, case: Case::of(word) }
    }
}

impl Case {
    fn of(word: &str) -> Self {
        let mut letters = word.chars();
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Digits(word.len());
        }
        if word.contains(|c: char| c.is_numeric() || c == '_') {
            return Self::Mixed;
        }
        let first_upper = letters.next().is_some_and(char::is_uppercase);
        match (
            first_upper,
            letters.clone().any(char::is_uppercase),
            letters.any(char::is_lowercase),
        ) {
            (false, false, _) => Self::Lower,
            (true, false, _) => Self::Capital,
            (true, true, false) => Self::Upper,
            _ => Self::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_shape_look_alike() {
        for (one, other, alike) in [
            ("the", "über", true),
            ("the", "The", false),
            ("NASA", "HTTP", true),
            ("iPhone", "utf8", true),
            ("1999", "2024", true),
            ("1999", "20", false),
            ("слово", "word", false),
            ("語", "文", false),
            ("語", "話", true),
        ] {
            assert_eq!(Shape::of(one) == Shape::of(other), alike, "{one} {other}");
        }
    }

    #[test]
    fn classes_hold_words_of_like_counts() {
        let mut counts = Counts::default();
        counts.add("a a a b b b c c c c c c d");
        let lexicon = Lexicon::new(counts);
        let classes: Vec<Vec<&str>> = lexicon
            .classes()
            .map(|class| class.iter().map(|word| lexicon.word(*word)).collect())
            .collect();
        assert_eq!(classes, [vec!["a", "b"], vec!["c"]]);
        assert_eq!(lexicon.rare().collect::<Vec<_>>(), [[3]]);
    }
}
