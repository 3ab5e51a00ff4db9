//! The words of one copy.

use taster_ngrams::{Span, Tokenizer, Words};

use super::lexicon::{Lexicon, is_word, token};
use crate::seeding::mix;

/// Of this many distinct words …
const OF: u64 = 4;
/// … so many are replaced in each copy.
const REPLACED: u64 = 3;
/// Characters of a word that can be spliced, at least.
const SPLICED_CHARACTERS_MIN: usize = 4;

/// A permutation of the words of a lexicon within their classes, and a spelling of the rare ones.
pub(super) struct Dialect<'a> {
    lexicon: &'a Lexicon,
    key: u64,
    /// By ordinal.
    spoken: Vec<Spoken>,
    spans: Vec<Span>,
}

/// How a word is said in a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spoken {
    AsIs,
    /// As another word, by ordinal.
    As(u32),
    /// With the second half of another word, by ordinal.
    SplicedWith(u32),
}

impl<'a> Dialect<'a> {
    pub(super) fn new(lexicon: &'a Lexicon, seed: u64, copy: u32) -> Self {
        let key = mix(seed, &copy.to_le_bytes());
        let mut dialect =
            Self { lexicon, key, spoken: vec![Spoken::AsIs; lexicon.len()], spans: Vec::new() };
        lexicon.classes().for_each(|class| dialect.permute(class));
        lexicon.rare().for_each(|class| dialect.respell(class));
        dialect
    }

    /// Sends each replaced member of a class to the next one in an order that the key gives.
    fn permute(&mut self, class: &[u32]) {
        let keyed = class.iter().map(|ordinal| (self.hash(*ordinal), *ordinal));
        let mut moved: Vec<(u64, u32)> = keyed.filter(|(hash, _)| replaced(*hash)).collect();
        moved.sort_unstable();
        for (position, (_, ordinal)) in moved.iter().enumerate() {
            self.spoken[*ordinal as usize] = Spoken::As(moved[(position + 1) % moved.len()].1);
        }
    }

    /// Gives each replaced rare word of a shape the second half of another one.
    fn respell(&mut self, class: &[u32]) {
        for ordinal in class {
            let hash = self.hash(*ordinal);
            if replaced(hash) {
                self.spoken[*ordinal as usize] =
                    Spoken::SplicedWith(class[(hash >> 8) as usize % class.len()]);
            }
        }
    }

    fn hash(&self, ordinal: u32) -> u64 {
        mix(self.key, self.lexicon.word(ordinal).as_bytes())
    }

    /// A text in this dialect; what is no word, or not in the lexicon, stays as it is.
    pub(super) fn speak(&mut self, text: &str) -> String {
        let mut spans = std::mem::take(&mut self.spans);
        spans.clear();
        Words.spans(text, &mut spans);
        let mut spoken = String::with_capacity(text.len() + text.len() / 8);
        let mut done = 0;
        for span in spans.iter().filter(|span| is_word(token(text, **span))) {
            spoken.push_str(&text[done..span.start as usize]);
            self.push(token(text, *span), &mut spoken);
            done = span.end as usize;
        }
        spoken.push_str(&text[done..]);
        self.spans = spans;
        spoken
    }

    fn push(&self, word: &str, spoken: &mut String) {
        let said = self
            .lexicon
            .ordinal(word)
            .map_or(Spoken::AsIs, |ordinal| self.spoken[ordinal as usize]);
        match said {
            Spoken::AsIs => spoken.push_str(word),
            Spoken::As(other) => spoken.push_str(self.lexicon.word(other)),
            Spoken::SplicedWith(other) => splice(word, self.lexicon.word(other), spoken),
        }
    }
}

fn replaced(hash: u64) -> bool {
    hash % OF < REPLACED
}

/// The first half of one word and the second half of another; a short word as it is.
fn splice(word: &str, other: &str, spoken: &mut String) {
    if word.chars().take(SPLICED_CHARACTERS_MIN).count() < SPLICED_CHARACTERS_MIN {
        spoken.push_str(word);
        return;
    }
    spoken.push_str(&word[..middle(word)]);
    spoken.push_str(&other[middle(other)..]);
}

/// The character border at or before the middle byte.
fn middle(word: &str) -> usize {
    word.floor_char_boundary(word.len() / 2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, RecordBatch, StringArray};

    use super::*;
    use crate::corpus::{CorpusSink, MemoryCorpus};

    fn lexicon(text: &str) -> Lexicon {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![text]));
        let mut corpus = MemoryCorpus::default();
        corpus.write("s", &RecordBatch::try_from_iter([("text", texts)]).unwrap()).unwrap();
        Lexicon::of(&corpus).unwrap()
    }

    #[test]
    fn a_dialect_is_a_permutation_of_frequent_words() {
        let words: Vec<String> = (0u8..200)
            .map(|n| format!("w{}{}", char::from(97 + n % 20), "x".repeat(n as usize / 20)))
            .collect();
        let text = [words.join(" "), words.join(" "), words.join(" ")].join("\n");
        let lexicon = lexicon(&text);
        let spoken = Dialect::new(&lexicon, 1, 1).speak(&text);
        let lines: BTreeSet<&str> = spoken.split('\n').collect();
        assert_eq!(lines.len(), 1, "equal lines stay equal");
        let after: Vec<&str> = spoken.split('\n').next().unwrap().split(' ').collect();
        assert_eq!(
            after.iter().collect::<BTreeSet<_>>().len(),
            words.len(),
            "no two words become one"
        );
        let changed =
            after.iter().zip(&words).filter(|(after, before)| **after != before.as_str()).count();
        assert!((120..=180).contains(&changed), "about three quarters: {changed}");
        assert_ne!(spoken, Dialect::new(&lexicon, 1, 2).speak(&text));
    }

    #[test]
    fn rare_words_get_new_spellings_and_marks_stay() {
        let rare: Vec<String> = (0..100)
            .map(|n| format!("{}ation", "abcdefghij".repeat(2).split_at(n % 10).1))
            .collect();
        let text = format!("({}) ", rare.join("), ("));
        let lexicon = lexicon(&text);
        let spoken = Dialect::new(&lexicon, 1, 1).speak(&text);
        let marks = |text: &str| text.chars().filter(|c| !c.is_alphanumeric()).collect::<String>();
        assert_eq!(marks(&spoken), marks(&text));
    }

    #[test]
    fn splicing_respects_characters() {
        let mut spoken = String::new();
        splice("größe", "süßes", &mut spoken);
        assert_eq!(spoken, "grüßes".replace("üßes", "ßes"));
    }
}
