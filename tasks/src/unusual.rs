//! Which tokens of a document deserve a look at their code points.

use taster_findings::token_code_points;
use taster_ngrams::{Span, Tokenizer};

/// Positions of the tokens with unusual code points, ascending. Plain ASCII text has none but
/// control characters, which are looked at like everything else.
pub(crate) fn unusual_tokens(
    text: &str,
    tokenizer: &dyn Tokenizer,
    spans: &mut Vec<Span>,
) -> Vec<u32> {
    if text.bytes().all(is_plain_byte) {
        return Vec::new();
    }
    spans.clear();
    tokenizer.spans(text, spans);
    let token = |span: &Span| &text[span.start as usize..span.end as usize];
    let positions = spans
        .iter()
        .enumerate()
        .filter(|(_, span)| is_unusual(token(span)));
    positions.map(|(position, _)| position as u32).collect()
}

fn is_plain_byte(byte: u8) -> bool {
    byte.is_ascii() && (!byte.is_ascii_control() || byte.is_ascii_whitespace() || byte == 0x0b)
}

fn is_unusual(token: &str) -> bool {
    !is_plain(token) && token_code_points(&[token]).score > 0.0
}

/// Whether a token is made of the letters of one of the blocks that make up nearly all text:
/// spares the close look at every word of a corpus that is not English.
fn is_plain(token: &str) -> bool {
    let mut blocks = token
        .chars()
        .filter(|c| !c.is_ascii_digit() && *c != '_')
        .map(plain_block);
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
        assert!(
            tokens.contains(&"\u{200b}") && tokens.contains(&"p\u{430}ypal"),
            "{tokens:?}"
        );
        assert!(!tokens.contains(&"naïve") && !tokens.contains(&"漢"));
        assert!(unusual_tokens("plain text\n", &Words, &mut spans).is_empty());
    }
}
