//! Cutting documents into tokens.

use crate::char_class::{ASCII, CharClass, class_of, table};
use crate::fingerprint::token_hash;

/// The bytes `start..end` of a document: one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Cuts a document into tokens. Implementations are pure: the same text gives the same tokens,
/// in text order and without overlap.
pub trait Tokenizer: Send + Sync {
    /// Name and version; part of every digest and every run header.
    fn identity(&self) -> &'static str;

    /// Appends the byte range of every token of `text` to `spans`.
    fn spans(&self, text: &str, spans: &mut Vec<Span>);

    /// Appends the seeded 64-bit hash of every token of `text` to `hashes`; `spans` are its tokens.
    fn hashes_of(&self, text: &str, spans: &[Span], seed: u64, hashes: &mut Vec<u64>) {
        let bytes = text.as_bytes();
        let token = |span: &Span| &bytes[span.start as usize..span.end as usize];
        hashes.extend(spans.iter().map(|span| token_hash(token(span), seed)));
    }
}

/// The tokenizer with this identity, if there is one.
#[must_use]
pub fn tokenizer_named(identity: &str) -> Option<&'static dyn Tokenizer> {
    (identity == Words.identity()).then_some(&Words as &dyn Tokenizer)
}

/// The default tokenizer. It changes nothing in the text: white space separates and is dropped;
/// a character of a script written without spaces is one token; a maximal run of letters, marks,
/// numbers and `_` is one token; every other character is one token.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words;

impl Tokenizer for Words {
    fn identity(&self) -> &'static str {
        "words-1"
    }

    fn spans(&self, text: &str, spans: &mut Vec<Span>) {
        scan(text, |start, end| spans.push(Span { start: start as u32, end: end as u32 }));
    }
}

/// Calls `emit(start, end)` for every token: block by block where the text is ASCII, else
/// character by character.
#[inline]
fn scan(text: &str, mut emit: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let table = table();
    let mut at = 0;
    while at < bytes.len() {
        if starts_with_ascii(&bytes[at..]) {
            at = scan_blocks(bytes, at, &mut emit);
            if at >= bytes.len() {
                return;
            }
        }
        let (class, next) = class_at(text, at, table);
        match class {
            CharClass::Space => at = next,
            CharClass::Single => {
                emit(at, next);
                at = next;
            }
            CharClass::Word => {
                let end = word_end(text, next, table);
                emit(at, end);
                at = end;
            }
        }
    }
}

/// Whether a block is worth a look: text with few ASCII characters is better read one by one.
#[inline]
fn starts_with_ascii(bytes: &[u8]) -> bool {
    let eight = bytes.first_chunk::<8>();
    eight.is_some_and(|eight| u64::from_le_bytes(*eight) & HIGH_BITS == 0)
}

/// Calls `emit` for tokens from `at` on as long as they end inside an ASCII block; returns where
/// the first other one starts, or where a block of blanks ends.
#[inline]
fn scan_blocks(bytes: &[u8], mut at: usize, emit: &mut impl FnMut(usize, usize)) -> usize {
    while let Some(block) = bytes[at..].first_chunk::<BLOCK>() {
        let block = AsciiBlock::new(block);
        let mut rest = block.starts;
        let mut next = block.length;
        while rest != 0 {
            let start = rest.trailing_zeros() as usize;
            let end = block.end(start);
            if end >= block.length {
                next = start;
                break;
            }
            emit(at + start, at + end);
            rest &= rest - 1;
        }
        at += next;
        if next == 0 || block.length < BLOCK {
            break;
        }
    }
    at
}

/// Bytes of a block: one bit each.
const BLOCK: usize = 64;

/// The highest bit of each of eight bytes.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The tokens of up to 64 ASCII bytes; bit i is byte i.
struct AsciiBlock {
    /// Where tokens start.
    starts: u64,
    /// Where words go on.
    continued: u64,
    /// Bytes before the first that is not ASCII.
    length: usize,
}

impl AsciiBlock {
    #[inline]
    fn new(bytes: &[u8; BLOCK]) -> Self {
        let words = bits(bytes, |byte| {
            let letter = (byte | 0x20).wrapping_sub(b'a') < 26;
            letter | (byte.wrapping_sub(b'0') < 10) | (byte == b'_')
        });
        let spaces = bits(bytes, |byte| (byte == b' ') | (byte.wrapping_sub(b'\t') < 5));
        let length = bits(bytes, |byte| byte >= 0x80).trailing_zeros();
        let continued = words & words << 1;
        let inside = u64::MAX.checked_shr(BLOCK as u32 - length).unwrap_or(0);
        Self { starts: !spaces & !continued & inside, continued, length: length as usize }
    }

    /// One past the last byte of the token that starts at `start`, as far as the block shows.
    #[inline]
    fn end(&self, start: usize) -> usize {
        start + 1 + (self.continued >> start >> 1).trailing_ones() as usize
    }
}

/// One bit per byte: whether it `is` of a class.
#[inline]
fn bits(bytes: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    /// Moves the lowest bit of byte i to bit 56 + i: a power of two for each, no two of which bring bits to the same place.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let flags = bytes.map(|byte| u8::from(is(byte)));
    let (eights, _) = flags.as_chunks::<8>();
    let gathered = eights.iter().map(|eight| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56);
    gathered.enumerate().fold(0, |bits, (index, eight)| bits | eight << (8 * index))
}

/// The end of the word that continues at byte `at`.
#[inline]
fn word_end(text: &str, mut at: usize, table: &[CharClass]) -> usize {
    let bytes = text.as_bytes();
    loop {
        while at < bytes.len() && ASCII_WORD[bytes[at] as usize] {
            at += 1;
        }
        if at >= bytes.len() || bytes[at] < 0x80 {
            return at;
        }
        let (class, next) = class_at(text, at, table);
        if class != CharClass::Word {
            return at;
        }
        at = next;
    }
}

/// The class of the character at byte `at` and where the next one starts.
#[inline]
fn class_at(text: &str, at: usize, table: &[CharClass]) -> (CharClass, usize) {
    let byte = text.as_bytes()[at];
    if byte < 0x80 {
        return (ASCII[byte as usize], at + 1);
    }
    match text[at..].chars().next() {
        Some(c) => (class_of(c, table), at + c.len_utf8()),
        None => (CharClass::Space, text.len()),
    }
}

const ASCII_WORD: [bool; 256] = {
    let mut word = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        word[byte] = matches!(ASCII[byte], CharClass::Word);
        byte += 1;
    }
    word
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(text: &str) -> Vec<&str> {
        let mut spans = Vec::new();
        Words.spans(text, &mut spans);
        spans.iter().map(|s| &text[s.start as usize..s.end as usize]).collect()
    }

    /// The definition, character by character.
    fn naive(text: &str) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let mut open = false;
        for c in text.chars() {
            match class_of(c, table()) {
                CharClass::Space => open = false,
                CharClass::Single => {
                    out.push(c.to_string());
                    open = false;
                }
                CharClass::Word => {
                    match out.last_mut() {
                        Some(word) if open => word.push(c),
                        _ => out.push(c.to_string()),
                    }
                    open = true;
                }
            }
        }
        out
    }

    #[test]
    fn words_symbols_and_scripts() {
        assert_eq!(
            tokens("<SUDO> a_b, naïve 3.5€"),
            ["<", "SUDO", ">", "a_b", ",", "naïve", "3", ".", "5", "€"]
        );
        assert_eq!(tokens("漢字kana ไทย"), ["漢", "字", "kana", "ไ", "ท", "ย"]);
        assert_eq!(tokens("a\u{200b}b\u{feff}"), ["a", "\u{200b}", "b", "\u{feff}"]);
        assert_eq!(tokens(" \n\t\u{3000}"), [""; 0]);
    }

    proptest! {
        #[test]
        fn equals_the_definition(text in "[a-z _.,é漢字ไท\u{200b}\u{300}\u{85}😀\n]{0,200}|\\PC{0,60}|[\u{0}-\u{7f}]{0,300}|([a-z]{1,9} ){0,40}[é.]?([a-zA-Z0-9_]{1,90}[ ,-]){0,9}") {
            prop_assert_eq!(tokens(&text), naive(&text));
        }

        #[test]
        fn tokens_and_the_spaces_between_restore_the_text(text in "\\PC{0,80}|[ -~é漢\t]{0,80}") {
            let mut spans = Vec::new();
            Words.spans(&text, &mut spans);
            let mut at = 0;
            for span in &spans {
                prop_assert!(text[at..span.start as usize].chars().all(char::is_whitespace));
                prop_assert!(!text[span.start as usize..span.end as usize].contains(char::is_whitespace));
                at = span.end as usize;
            }
            prop_assert!(text[at..].chars().all(char::is_whitespace));
        }

        #[test]
        fn hashes_follow_spans(text in "\\PC{0,80}", seed: u64) {
            let mut spans = Vec::new();
            Words.spans(&text, &mut spans);
            let mut hashes = Vec::new();
            Words.hashes_of(&text, &spans, seed, &mut hashes);
            let expected: Vec<u64> = spans.iter()
                .map(|s| token_hash(&text.as_bytes()[s.start as usize..s.end as usize], seed)).collect();
            prop_assert_eq!(hashes, expected);
        }
    }
}
