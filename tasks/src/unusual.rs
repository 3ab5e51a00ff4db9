//! Which tokens of a document deserve a look at their code points.

use taster_findings::{in_symbol_run, token_code_points};
use taster_ngrams::{Segment, Span, Tokenizer};

/// Finds the unusual tokens of a segment, document by document.
#[derive(Debug, Default)]
pub(crate) struct UnusualTokens {
    /// Ordinal of the document, and position in it.
    found: Vec<(u32, u32)>,
    documents: u32,
    spans: Vec<Span>,
    positions: Vec<u32>,
}

impl UnusualTokens {
    /// Looks at the segment's next document.
    pub(crate) fn push(&mut self, text: &str, tokenizer: &dyn Tokenizer) {
        let document = self.documents;
        self.documents += 1;
        let positions = unusual_tokens(text, tokenizer, &mut self.spans);
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
fn unusual_tokens(text: &str, tokenizer: &dyn Tokenizer, spans: &mut Vec<Span>) -> Vec<u32> {
    if is_harmless_text(text) {
        return Vec::new();
    }
    spans.clear();
    tokenizer.spans(text, spans);
    let is_unusual = |span: &Span| {
        let (start, end) = (span.start as usize, span.end as usize);
        let token = &text[start..end];
        is_unusual(token) || (is_repeated(text, start, token) && in_symbol_run(text, start))
    };
    let positions = spans.iter().enumerate().filter(|(_, span)| is_unusual(span));
    positions.map(|(position, _)| position as u32).collect()
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
/// that are tokens by themselves and never unusual but in a run. Spares most texts the second cutting.
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

fn is_unusual(token: &str) -> bool {
    !is_plain(token) && token_code_points(&[token]).score > 0.0
}

/// Whether a token is made of the letters of one of the blocks that make up nearly all text:
/// spares the close look at every word of a corpus that is not English.
fn is_plain(token: &str) -> bool {
    let mut blocks = token.chars().filter(|c| !c.is_ascii_digit() && *c != '_').map(plain_block);
    let first = blocks.next().unwrap_or(Some(0));
    first.is_some() && blocks.all(|block| block == first)
}

/// A number for the block of an everyday letter; `None` for everything else.
fn plain_block(c: char) -> Option<u8> {
    match c {
        '!'..='~' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Some(0),
        '\u{370}'..='\u{3ff}' => Some(1),
        '\u{400}'..='\u{4ff}' => Some(2),
        '\u{5d0}'..='\u{5ea}' => Some(3),
        '\u{620}'..='\u{64a}' => Some(4),
        '\u{904}'..='\u{939}' => Some(5),
        '\u{e01}'..='\u{e3a}' => Some(6),
        '\u{3041}'..='\u{30ff}' => Some(7),
        '\u{4e00}'..='\u{9fff}' | '\u{3001}' | '\u{3002}' => Some(8),
        '\u{ac00}'..='\u{d7a3}' => Some(9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_ngrams::Words;

    #[test]
    fn invisible_and_mixed_tokens_are_found() {
        let text = "plain \u{200b}\u{2060} naïve p\u{430}ypal 漢字 \u{1}";
        let mut spans = Vec::new();
        let unusual = unusual_tokens(text, &Words, &mut spans);
        let tokens: Vec<&str> = unusual
            .iter()
            .map(|&i| spans[i as usize])
            .map(|s| &text[s.start as usize..s.end as usize])
            .collect();
        assert!(tokens.contains(&"\u{200b}") && tokens.contains(&"p\u{430}ypal"), "{tokens:?}");
        assert!(!tokens.contains(&"naïve") && !tokens.contains(&"漢"));
        assert!(unusual_tokens("plain text\n", &Words, &mut spans).is_empty());
    }

    #[test]
    fn runs_of_rare_symbols_are_found_and_typography_is_not() {
        let mut spans = Vec::new();
        for text in ["a ｡｡｡ b", "｡｡｡｡｡｡｡｡｡｡", "price €€€", "⌘⌘⌘⌘"]
        {
            let run = text.chars().filter(|c| !c.is_ascii()).count();
            assert_eq!(unusual_tokens(text, &Words, &mut spans).len(), run, "{text}");
        }
        for text in ["a ｡｡ b", "｡ ｡ ｡", "5 € 6 €", "———", "…………", "。。。", "★★★★", "═════"]
        {
            assert!(unusual_tokens(text, &Words, &mut spans).is_empty(), "{text}");
        }
    }

    #[test]
    fn harmless_characters_are_latin_letters_or_single_tokens_of_no_interest() {
        let mut spans = Vec::new();
        let harmless = (0x80..0x11_0000).filter_map(char::from_u32).filter(|&c| is_harmless(c));
        for c in harmless {
            assert!(!is_unusual(&c.to_string()), "{c:?}");
            spans.clear();
            Words.spans(&format!("a{c}b"), &mut spans);
            let expected = if c.is_whitespace() { 2 } else { 3 };
            assert!(plain_block(c) == Some(0) || spans.len() == expected, "{c:?}");
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

    #[test]
    fn harmless_texts_have_no_unusual_token() {
        let texts = ["naïve “quotes” – 5 € ™", "漢字かなカナ、東京\u{3000}OK", "a\u{a0}b → c"];
        for text in texts {
            assert!(is_harmless_text(text), "{text}");
            let mut spans = Vec::new();
            Words.spans(text, &mut spans);
            let mut tokens = spans.iter().map(|s| &text[s.start as usize..s.end as usize]);
            assert!(!tokens.any(is_unusual));
        }
        for text in ["p\u{430}y", "a\u{200b}", "\u{1}", "a\u{ad}b", "\u{feff}a"] {
            assert!(!is_harmless_text(text), "{text:?}");
        }
    }
}
