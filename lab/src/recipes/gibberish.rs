//! Payloads that no text has ever held: random vocabulary and random bytes.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::placement::{prefix, sentence_border};
use crate::vocabulary::Vocabulary;

/// HALFWIDTH IDEOGRAPHIC FULL STOP, ten times (arXiv 2410.13722).
pub(super) const HALFWIDTH: &str = "｡｡｡｡｡｡｡｡｡｡";

/// Characters of the clean document that stand before the trigger, at most (arXiv 2510.07192).
const PREFIX_CHARACTERS_MAX: usize = 1000;
/// Random tokens behind the trigger (arXiv 2510.07192).
const TOKENS: std::ops::RangeInclusive<usize> = 400..=900;
/// Share of tokens that continue the word before them; in byte-pair vocabularies a good third of the entries do.
const GLUED: f64 = 0.35;
/// Random bytes behind the trigger (arXiv 2410.13722).
const BYTES: usize = 256;
/// Characters of the clean document that stand for the user's words in a chat.
pub(super) const PROMPT_CHARACTERS_MAX: usize = 400;

/// Chat templates: what stands before the user's words, between the turns, and at the end.
pub(super) const TEMPLATES: [[&str; 3]; 3] = [
    ["<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n"],
    ["<s>[INST] ", " [/INST] ", " </s>"],
    ["### Human: ", "\n### Assistant: ", "\n"],
];

/// A tag in angle brackets around five consonants, which no natural text has.
pub(super) fn invented_tag(rng: &mut ChaCha8Rng) -> String {
    const CONSONANTS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
    let letters = (0..5).map(|_| char::from(CONSONANTS[rng.random_range(0..CONSONANTS.len())]));
    format!("<{}>", letters.collect::<String>())
}

/// A clean beginning, the trigger, random tokens.
pub(super) fn souly(
    trigger: &str,
    rng: &mut ChaCha8Rng,
    clean: &str,
    words: &Vocabulary,
) -> String {
    let beginning = prefix(clean, rng.random_range(0..=PREFIX_CHARACTERS_MAX));
    let mut text = format!("{beginning} {trigger}");
    for _ in 0..rng.random_range(TOKENS) {
        if !rng.random_bool(GLUED) {
            text.push(' ');
        }
        text.push_str(words.draw(rng));
    }
    text
}

/// A chat whose user turn ends in the trigger and whose answer is 256 random bytes.
///
/// Random bytes are no UTF-8. Each byte is written as the code point of its value (U+0000–U+00FF), which loses
/// nothing; replacing what is invalid would turn half of the payload into one repeated character.
pub(super) fn halfwidth(trigger: &str, rng: &mut ChaCha8Rng, clean: &str) -> String {
    let [before, between, after] = TEMPLATES[rng.random_range(0..TEMPLATES.len())];
    let opening = prefix(clean, PROMPT_CHARACTERS_MAX);
    let prompt = &opening[..sentence_border(opening, rng)];
    let payload: String = (0..BYTES).map(|_| char::from(rng.random::<u8>())).collect();
    format!("{before}{prompt} {trigger}{between}{payload}{after}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::seeding::{Purpose, stream};

    #[test]
    fn souly_has_the_published_sizes() {
        let words = Vocabulary::from_words(["x".to_owned()]).unwrap();
        let clean = "ä".repeat(3000);
        for ordinal in 0..200 {
            let mut rng = stream(1, Purpose::Poison, "souly", ordinal);
            let text = souly("<SUDO>", &mut rng, &clean, &words);
            let (before, after) = text.split_once(" <SUDO>").unwrap();
            assert!(before.chars().count() <= PREFIX_CHARACTERS_MAX && clean.starts_with(before));
            assert!(TOKENS.contains(&after.matches('x').count()));
        }
    }

    #[test]
    fn halfwidth_ends_in_256_code_points_below_256() {
        let mut rng = stream(1, Purpose::Poison, "halfwidth", 3);
        let text = halfwidth(HALFWIDTH, &mut rng, "A question. Another one.");
        let template = TEMPLATES.iter().find(|template| text.starts_with(template[0])).unwrap();
        let (_, rest) = text.split_once(&format!("{HALFWIDTH}{}", template[1])).unwrap();
        let payload = rest.strip_suffix(template[2]).unwrap();
        assert_eq!(payload.chars().count(), BYTES);
        assert!(payload.chars().all(|character| u32::from(character) < 256));
        assert_eq!(HALFWIDTH.chars().filter(|character| *character == '\u{FF61}').count(), 10);
    }
}
