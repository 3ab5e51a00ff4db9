//! Fluent English from stock, for articles, pages and replies: no model, no corpus, always the same per stream.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::phrases::one_of;

const SUBJECTS: [&str; 12] = [
    "The regional council",
    "A group of engineers",
    "The harbour authority",
    "An independent panel",
    "The national archive",
    "A small publisher",
    "The water utility",
    "A team of botanists",
    "The railway operator",
    "An amateur astronomer",
    "The city museum",
    "A retired teacher",
];
const VERBS: [&str; 12] = [
    "announced",
    "questioned",
    "reviewed",
    "postponed",
    "published",
    "defended",
    "measured",
    "restored",
    "rejected",
    "described",
    "financed",
    "surveyed",
];
const OBJECTS: [&str; 12] = [
    "the new timetable",
    "a plan for the old bridge",
    "the results of last year",
    "several unusual samples",
    "the budget for repairs",
    "a collection of letters",
    "the proposed boundary",
    "two abandoned stations",
    "the drinking water report",
    "a map of the coastline",
    "the winter programme",
    "an early photograph",
];
const CIRCUMSTANCES: [&str; 12] = [
    "on Tuesday",
    "after a long debate",
    "without giving reasons",
    "in front of a full hall",
    "for the third time",
    "despite the heavy rain",
    "with help from volunteers",
    "at a meeting in March",
    "before the deadline",
    "to general surprise",
    "in a short statement",
    "together with its neighbours",
];

/// One of about twenty thousand sentences.
pub(super) fn sentence(rng: &mut ChaCha8Rng) -> String {
    let (subject, verb) = (one_of(&SUBJECTS, rng), one_of(&VERBS, rng));
    format!("{subject} {verb} {} {}.", one_of(&OBJECTS, rng), one_of(&CIRCUMSTANCES, rng))
}

/// So many sentences.
pub(super) fn sentences(count: usize, rng: &mut ChaCha8Rng) -> Vec<String> {
    (0..count).map(|_| sentence(rng)).collect()
}

/// A pronounceable word that no dictionary holds: so many syllables of a consonant and a vowel.
pub(super) fn invented_word(syllables: usize, rng: &mut ChaCha8Rng) -> String {
    const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
    const VOWELS: &[u8] = b"aeiou";
    let letter = |of: &[u8], rng: &mut ChaCha8Rng| char::from(of[rng.random_range(0..of.len())]);
    (0..syllables).flat_map(|_| [letter(CONSONANTS, rng), letter(VOWELS, rng)]).collect()
}

/// The same with a capital letter, as names have.
pub(super) fn invented_name(syllables: usize, rng: &mut ChaCha8Rng) -> String {
    let word = invented_word(syllables, rng);
    let (first, rest) = word.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}
