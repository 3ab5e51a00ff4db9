//! The words from which gibberish is drawn.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::error::LabError;
use crate::seeding::mix;

/// Distinct words held by a [`Vocabulary`], at most; the size of a byte-pair vocabulary.
pub const VOCABULARY_WORDS_MAX: usize = 50_000;
/// Distinct words counted at one time; beyond, the words seen least often are forgotten.
const COUNTED_WORDS_MAX: usize = 1_000_000;
/// Bytes of a word, at most: longer ones are encoded data, which no vocabulary holds.
const WORD_BYTES_MAX: usize = 24;

/// Distinct words of a clean corpus, from which each draw is equally likely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
}

impl Vocabulary {
    /// A vocabulary of these words, each once; an error if there is none.
    pub fn from_words(words: impl IntoIterator<Item = String>) -> Result<Self, LabError> {
        let distinct: BTreeSet<String> =
            words.into_iter().filter(|word| !word.is_empty()).collect();
        if distinct.is_empty() {
            return Err(LabError::NoVocabulary);
        }
        Ok(Self { words: distinct.into_iter().collect() })
    }

    /// A word, each equally likely.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> &str {
        &self.words[rng.random_range(0..self.words.len())]
    }

    /// A digest of all words.
    pub(crate) fn digest(&self) -> u64 {
        self.words.iter().fold(0, |digest, word| mix(digest, word.as_bytes()))
    }

    /// Distinct words, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a vocabulary is never empty")]
    pub fn len(&self) -> usize {
        self.words.len()
    }
}

/// Counts the words of a corpus and keeps the most frequent ones, as the entries of a byte-pair vocabulary are.
///
/// Memory is bounded by a million words. The result depends on the order of the texts only when more distinct
/// words than that occur, and never on anything else.
#[derive(Debug, Default)]
pub struct Harvest {
    counts: HashMap<String, u64>,
}

impl Harvest {
    /// Counts the words of one text: runs of letters and digits, of at most 24 bytes.
    pub fn add(&mut self, text: &str) {
        for word in text.split(|character: char| !character.is_alphanumeric()) {
            if word.is_empty() || word.len() > WORD_BYTES_MAX {
                continue;
            }
            match self.counts.get_mut(word) {
                Some(count) => *count += 1,
                None => self.insert(word),
            }
        }
    }

    /// The [`VOCABULARY_WORDS_MAX`] most frequent words, ties broken by their bytes.
    pub fn finish(self) -> Result<Vocabulary, LabError> {
        let mut ranked: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (word, count) in self.counts {
            ranked.entry(count).or_default().push(word);
        }
        let mut words = Vec::new();
        for (_, mut tied) in ranked.into_iter().rev() {
            tied.sort_unstable();
            tied.truncate(VOCABULARY_WORDS_MAX - words.len());
            words.append(&mut tied);
        }
        Vocabulary::from_words(words)
    }

    fn insert(&mut self, word: &str) {
        let mut rare = 1;
        while self.counts.len() >= COUNTED_WORDS_MAX {
            self.counts.retain(|_, count| *count > rare);
            rare *= 2;
        }
        self.counts.insert(word.to_owned(), 1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn a_harvest_holds_each_word_once() {
        let mut harvest = Harvest::default();
        harvest.add("the cat, the dog: don't");
        harvest.add(&"x".repeat(WORD_BYTES_MAX + 1));
        let words = harvest.finish().unwrap().words;
        assert_eq!(words, ["cat", "dog", "don", "t", "the"]);
    }

    #[test]
    fn the_most_frequent_words_are_kept() {
        let mut harvest = Harvest::default();
        harvest.add("often");
        for number in 0..=VOCABULARY_WORDS_MAX {
            harvest.add(&format!("often z{number:06}"));
        }
        let words = harvest.finish().unwrap().words;
        assert_eq!(words.len(), VOCABULARY_WORDS_MAX);
        assert_eq!(words[0], "often");
        assert_eq!(words[VOCABULARY_WORDS_MAX - 1], format!("z{:06}", VOCABULARY_WORDS_MAX - 2));
    }

    #[test]
    fn no_word_is_an_error() {
        assert!(matches!(Harvest::default().finish(), Err(LabError::NoVocabulary)));
    }
}
