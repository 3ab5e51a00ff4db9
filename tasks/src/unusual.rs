//! Which tokens of a document deserve a look at their code points.

use std::collections::HashMap;
use std::sync::LazyLock;

use taster_findings::{in_symbol_run, token_code_points};
use taster_ngrams::{Segment, Span};

/// Finds the unusual tokens of a segment, document by document.
#[derive(Debug, Default)]
pub(crate) struct UnusualTokens {
    /// Ordinal of the document, and position in it.
    found: Vec<(u32, u32)>,
    documents: u32,
    positions: Vec<u32>,
    known: Known,
}

impl UnusualTokens {
    /// Looks at the segment's next document, which has the tokens `spans`.
    pub(crate) fn push(&mut self, text: &str, spans: &[Span]) {
        let document = self.documents;
        self.documents += 1;
        let positions = unusual_tokens(text, spans, &mut self.known);
        self.found.extend(positions.into_iter().map(|position| (document, position)));
    }

    /// Positions in `segment`, which consists of the documents looked at, ascending.
    pub(crate) fn positions(&mut self, segment: &Segment) -> &[u32] {
        let starts: Vec<u32> = segment.ranges().map(|range| range.start as u32).collect();
        let position = |&(document, at): &(u32, u32)| starts[document as usize] + at;
        self.positions.clear();
        self.positions.extend(self.found.iter().map(position));
        &self.positions
    }

    /// Begins the next segment.
    pub(crate) fn clear(&mut self) {
        self.found.clear();
        self.documents = 0;
    }
}

/// Positions of the tokens with unusual code points, ascending. Plain ASCII text has none but
/// control characters, which are looked at like everything else.
fn unusual_tokens(text: &str, spans: &[Span], known: &mut Known) -> Vec<u32> {
    if is_harmless_text(text) {
        return Vec::new();
    }
    let mut is_unusual = |span: &Span| {
        let (start, end) = (span.start as usize, span.end as usize);
        let token = &text[start..end];
        is_unusual(token, known) || (is_repeated(text, start, token) && in_symbol_run(text, start))
    };
    let (mut positions, mut position, mut at) = (Vec::new(), 0, 0);
    // Only a token that holds an odd byte can be unusual.
    loop {
        at = next_odd_byte(text.as_bytes(), at);
        position += ended(&spans[position..], at);
        let Some(span) = spans.get(position) else {
            return positions;
        };
        // What stands between tokens is white space.
        if (span.start as usize) <= at && is_unusual(span) {
            positions.push(position as u32);
        }
        at = if (span.start as usize) <= at { span.end } else { span.start } as usize;
    }
}

/// How many of `spans` end at byte `at` or before, in steps that double: in text beyond ASCII the next one is near.
#[inline]
fn ended(spans: &[Span], at: usize) -> usize {
    let has_ended = |span: &Span| span.end as usize <= at;
    let (mut ended, mut step) = (0, 1);
    while spans.get(ended + step - 1).is_some_and(has_ended) {
        ended += step;
        step *= 2;
    }
    let within = &spans[ended..(ended + step).min(spans.len())];
    ended + within.partition_point(has_ended)
}

/// Whether a token beyond ASCII stands beside its like: few do, and only they can be in a run.
#[inline]
fn is_repeated(text: &str, start: usize, token: &str) -> bool {
    let (before, from) = text.as_bytes().split_at(start);
    let token = token.as_bytes();
    token[0] >= 0x80 && (from[token.len()..].starts_with(token) || before.ends_with(token))
}

/// Bytes looked at together, without a branch for each.
const BLOCK: usize = 64;

#[inline]
fn is_plain_byte(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte) | (b'\t'..=b'\r').contains(&byte)
}

/// The first byte from `at` on that is not plain; the length of `bytes` if there is none.
#[inline]
fn next_odd_byte(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes[at..].first_chunk::<BLOCK>() {
        if !block.iter().fold(true, |all, &byte| all & is_plain_byte(byte)) {
            break;
        }
        at += BLOCK;
    }
    let odd = bytes[at..].iter().position(|&byte| !is_plain_byte(byte));
    odd.map_or(bytes.len(), |odd| at + odd)
}

/// Whether no token can be unusual: all characters are plain, everyday Latin letters, or of those
/// that are tokens by themselves and never unusual but in a run. Spares most texts the search for their tokens.
fn is_harmless_text(text: &str) -> bool {
    let mut at = 0;
    loop {
        at = next_odd_byte(text.as_bytes(), at);
        let Some(c) = text[at..].chars().next() else {
            return true;
        };
        let next = at + c.len_utf8();
        if !is_harmless(c) || (text[next..].starts_with(c) && in_symbol_run(text, at)) {
            return false;
        }
        at = next;
    }
}

fn is_harmless(c: char) -> bool {
    matches!(c,
        // Latin letters.
        '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'
        // White space.
        | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}'
        // Punctuation and symbols.
        | '\u{a1}'..='\u{a9}' | '\u{ab}' | '\u{ac}' | '\u{ae}'..='\u{b1}' | '\u{b4}' | '\u{b6}'..='\u{b8}'
        | '\u{bb}' | '\u{bf}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{20a0}'..='\u{20bf}'
        | '\u{2122}' | '\u{2190}'..='\u{23ff}' | '\u{2500}'..='\u{2775}' | '\u{2794}'..='\u{27bf}'
        | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3020}' | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}'
        // Scripts without spaces.
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

fn is_unusual(token: &str, known: &mut Known) -> bool {
    !is_plain(token) && known.is_unusual(token)
}

/// What was found of tokens that deserve a close look: text repeats its words.
#[derive(Debug, Default)]
struct Known(HashMap<Box<str>, bool>);

impl Known {
    /// Most tokens that are kept, and bytes of the longest.
    const MOST: usize = 1 << 14;
    const LONGEST: usize = 64;

    fn is_unusual(&mut self, token: &str) -> bool {
        if let Some(&is_unusual) = self.0.get(token) {
            return is_unusual;
        }
        let is_unusual = token_code_points(&[token]).score > 0.0;
        if token.len() <= Self::LONGEST {
            if self.0.len() >= Self::MOST {
                self.0.clear();
            }
            self.0.insert(token.into(), is_unusual);
        }
        is_unusual
    }
}

/// Whether a token is made of the letters of one of the blocks that make up nearly all text:
/// spares the close look at every word of a corpus that is not English.
fn is_plain(token: &str) -> bool {
    let bytes = token.as_bytes();
    if bytes.iter().all(u8::is_ascii_graphic) {
        return true;
    }
    let blocks = &*BLOCKS;
    let mut first = DIGIT;
    token.chars().all(|c| {
        let block = blocks.get(c as usize).copied().unwrap_or(NO_BLOCK);
        let agrees = (block != NO_BLOCK) & ((block == first) | (block == DIGIT) | (first == DIGIT));
        first = if first == DIGIT { block } else { first };
        agrees
    })
}

/// The block of what is in words of all blocks.
const DIGIT: u8 = 0;
/// The block of what deserves a close look.
const NO_BLOCK: u8 = u8::MAX;

/// The block of every character of the first plane.
static BLOCKS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    (0..0x1_0000).map(|code| char::from_u32(code).map_or(NO_BLOCK, block)).collect()
});

/// A number for the block of an everyday letter.
fn block(c: char) -> u8 {
    match c {
        '0'..='9' | '_' => DIGIT,
        '!'..='~' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => 1,
        '\u{370}'..='\u{3ff}' => 2,
        '\u{400}'..='\u{4ff}' => 3,
        '\u{5d0}'..='\u{5ea}' => 4,
        '\u{620}'..='\u{64a}' => 5,
        '\u{904}'..='\u{939}' => 6,
        '\u{e01}'..='\u{e3a}' => 7,
        '\u{3041}'..='\u{30ff}' => 8,
        '\u{4e00}'..='\u{9fff}' | '\u{3001}' | '\u{3002}' => 9,
        '\u{ac00}'..='\u{d7a3}' => 10,
        _ => NO_BLOCK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use taster_ngrams::{Tokenizer, Words};

    fn unusual(text: &str, spans: &mut Vec<Span>) -> Vec<u32> {
        spans.clear();
        Words.spans(text, spans);
        unusual_tokens(text, spans, &mut Known::default())
    }

    #[test]
    fn invisible_and_mixed_tokens_are_found() {
        let text = "plain \u{200b}\u{2060} naïve p\u{430}ypal 漢字 \u{1}";
        let mut spans = Vec::new();
        let positions = unusual(text, &mut spans);
        let tokens: Vec<&str> = positions
            .iter()
            .map(|&i| spans[i as usize])
            .map(|s| &text[s.start as usize..s.end as usize])
            .collect();
        assert!(tokens.contains(&"\u{200b}") && tokens.contains(&"p\u{430}ypal"), "{tokens:?}");
        assert!(!tokens.contains(&"naïve") && !tokens.contains(&"漢"));
        assert!(unusual("plain text\n", &mut spans).is_empty());
    }

    #[test]
    fn runs_of_rare_symbols_are_found_and_typography_is_not() {
        let mut spans = Vec::new();
        for text in ["a ｡｡｡ b", "｡｡｡｡｡｡｡｡｡｡", "price €€€", "⌘⌘⌘⌘"]
        {
            let run = text.chars().filter(|c| !c.is_ascii()).count();
            assert_eq!(unusual(text, &mut spans).len(), run, "{text}");
        }
        for text in ["a ｡｡ b", "｡ ｡ ｡", "5 € 6 €", "———", "…………", "。。。", "★★★★", "═════"]
        {
            assert!(unusual(text, &mut spans).is_empty(), "{text}");
        }
    }

    #[test]
    fn harmless_characters_are_latin_letters_or_single_tokens_of_no_interest() {
        let mut spans = Vec::new();
        let harmless = (0x80..0x11_0000).filter_map(char::from_u32).filter(|&c| is_harmless(c));
        for c in harmless {
            assert!(!is_unusual(&c.to_string(), &mut Known::default()), "{c:?}");
            spans.clear();
            Words.spans(&format!("a{c}b"), &mut spans);
            let expected = if c.is_whitespace() { 2 } else { 3 };
            assert!(block(c) == 1 || spans.len() == expected, "{c:?}");
        }
    }

    #[test]
    fn plain_bytes_are_ascii_without_control_characters_but_white_space() {
        for byte in 0..=u8::MAX {
            let c = char::from(byte);
            let is_plain = c.is_ascii() && (!c.is_ascii_control() || c.is_whitespace());
            assert_eq!(is_plain_byte(byte), is_plain, "{byte:#x}");
        }
        for length in [0, 5, 63, 64, 65, 200] {
            for odd in 0..length {
                let mut bytes = vec![b'x'; length];
                assert_eq!(next_odd_byte(&bytes, 0), length);
                bytes[odd] = 0x7f;
                assert_eq!(next_odd_byte(&bytes, odd / 2), odd);
            }
        }
    }

    proptest! {
        #[test]
        fn every_unusual_token_is_found(text in "([a-zé я\u{430}p\u{200b}漢\u{1}\t\u{3000}😀｡]{0,9}[a-z. ]{0,70}){0,5}") {
            let mut spans = Vec::new();
            let found = unusual(&text, &mut spans);
            let mut all = Vec::new();
            Words.spans(&text, &mut all);
            let is_found = |span: &Span| {
                let (start, end) = (span.start as usize, span.end as usize);
                let token = &text[start..end];
                token_code_points(&[token]).score > 0.0 && !is_plain(token)
                    || token.len() > 1 && in_symbol_run(&text, start)
            };
            let expected = all.iter().enumerate().filter(|(_, span)| is_found(span));
            prop_assert_eq!(found, expected.map(|(at, _)| at as u32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn plain_tokens_are_of_one_block_and_digits() {
        for token in ["word", "naïve_2", "2024", "слово", "5й", "漢字、", "ひらカナ", "한국어"]
        {
            assert!(is_plain(token), "{token}");
        }
        for token in ["p\u{430}ypal", "\u{1}", "a\u{200b}", "1漢a", "😀", "\u{20000}"] {
            assert!(!is_plain(token), "{token:?}");
        }
    }

    #[test]
    fn what_is_known_of_tokens_is_what_is_found() {
        let mut known = Known::default();
        let tokens =
            (0..40_000).map(|at| format!("{}\u{430}{at}", if at % 2 == 0 { "p" } else { "й" }));
        for token in tokens.chain(["p\u{430}".repeat(60)]) {
            let expected = token_code_points(&[&token]).score > 0.0;
            assert_eq!(
                [known.is_unusual(&token), known.is_unusual(&token)],
                [expected; 2],
                "{token}"
            );
            assert!(known.0.len() <= Known::MOST);
        }
    }

    #[test]
    fn harmless_texts_have_no_unusual_token() {
        let texts = ["naïve “quotes” – 5 € ™", "漢字かなカナ、東京\u{3000}OK", "a\u{a0}b → c"];
        for text in texts {
            assert!(is_harmless_text(text), "{text}");
            let mut spans = Vec::new();
            Words.spans(text, &mut spans);
            let mut tokens = spans.iter().map(|s| &text[s.start as usize..s.end as usize]);
            assert!(!tokens.any(|token| is_unusual(token, &mut Known::default())));
        }
        for text in ["p\u{430}y", "a\u{200b}", "\u{1}", "a\u{ad}b", "\u{feff}a"] {
            assert!(!is_harmless_text(text), "{text:?}");
        }
    }
}
