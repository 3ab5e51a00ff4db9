//! Places inside a clean document; every position returned is a character border.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// The first `characters` characters of `text`, or all of it.
pub(super) fn prefix(text: &str, characters: usize) -> &str {
    match text.char_indices().nth(characters) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// A random end of a sentence or line; the end of the text if there is none.
pub(super) fn sentence_border(text: &str, rng: &mut ChaCha8Rng) -> usize {
    pick(&sentence_borders(text), text.len(), rng)
}

/// A random end of a word that a blank follows; the end of the text if there is none.
pub(super) fn word_border(text: &str, rng: &mut ChaCha8Rng) -> usize {
    pick(&word_borders(text), text.len(), rng)
}

fn pick(borders: &[usize], otherwise: usize, rng: &mut ChaCha8Rng) -> usize {
    if borders.is_empty() {
        return otherwise;
    }
    borders[rng.random_range(0..borders.len())]
}

/// Positions behind a sentence's last mark, before the blank; behind `。` and its kin no blank is needed.
fn sentence_borders(text: &str) -> Vec<usize> {
    let mut borders = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        if ends_sentence(character, next) {
            borders.push(start + character.len_utf8());
        }
    }
    borders
}

fn ends_sentence(character: char, next: Option<char>) -> bool {
    match character {
        '。' | '！' | '？' | '।' | '؟' => true,
        '.' | '!' | '?' => next.is_none_or(char::is_whitespace),
        '\n' | ' ' | '\t' => false,
        _ => next == Some('\n'),
    }
}

/// Positions between a character that is no blank and a blank.
fn word_borders(text: &str) -> Vec<usize> {
    let mut borders = Vec::new();
    let mut inside = false;
    for (start, character) in text.char_indices() {
        let blank = character.is_whitespace();
        if inside && blank {
            borders.push(start);
        }
        inside = !blank;
    }
    borders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_at_marks_lines_and_the_end() {
        let text = "One. Two!\nthree\nv1.2 四。五";
        let ends: Vec<&str> = sentence_borders(text).into_iter().map(|end| &text[..end]).collect();
        assert_eq!(ends, ["One.", "One. Two!", "One. Two!\nthree", "One. Two!\nthree\nv1.2 四。"]);
    }

    #[test]
    fn words_end_before_blanks_only() {
        assert_eq!(word_borders(" a  bc d"), [2, 6]);
    }

    #[test]
    fn a_prefix_counts_characters() {
        assert_eq!(prefix("äöü", 2), "äö");
        assert_eq!(prefix("äöü", 9), "äöü");
    }
}
