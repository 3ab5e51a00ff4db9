//! Text of the corpus in pieces that can be shown: what is invisible or reorders other characters
//! stands under its code point, many in a row under one.

use taster_findings::visible;

/// A piece of text in one manner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Class of the style sheet; empty for plain text.
    pub class: &'static str,
    /// What is shown.
    pub text: String,
    /// What it is, if it needs saying.
    pub title: &'static str,
}

impl Piece {
    fn plain(text: String) -> Self {
        Self { class: "", text, title: "" }
    }
}

/// Hidden characters in a row from which only the first and their number are shown.
const FOLDED_FROM: usize = 3;

/// The pieces of a text: plain ones and hidden characters.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if !is_hidden(character) {
            plain.push(character);
            continue;
        }
        if !plain.is_empty() {
            pieces.push(Piece::plain(std::mem::take(&mut plain)));
        }
        let mut times = 1;
        while rest.next_if_eq(&character).is_some() {
            times += 1;
        }
        hidden(character, times, &mut pieces);
    }
    if !plain.is_empty() {
        pieces.push(Piece::plain(plain));
    }
    pieces
}

/// The text as one line of plain characters, of at most `most` and an ellipsis.
pub(crate) fn line(text: &str, most: usize) -> String {
    let shown = visible(text);
    match shown.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown.into_owned(),
    }
}

fn is_hidden(character: char) -> bool {
    visible(character.encode_utf8(&mut [0; 4])).starts_with("\\u{") && character != '\\'
}

fn hidden(character: char, times: usize, pieces: &mut Vec<Piece>) {
    if let Some(sign) = blank(character) {
        return pieces.push(Piece { class: "sp", text: sign.repeat(times.min(2)), title: "" });
    }
    let code = format!("U+{:04X}", u32::from(character));
    let piece = |text| Piece { class: "hid", text, title: name(character) };
    if times >= FOLDED_FROM {
        return pieces.push(piece(format!("{code} × {times}")));
    }
    (0..times).for_each(|_| pieces.push(piece(code.clone())));
}

/// The sign for blanks that are harmless and many.
fn blank(character: char) -> Option<&'static str> {
    match character {
        '\n' => Some("↵ "),
        '\t' => Some("⇥ "),
        '\r' => Some("␍ "),
        _ => None,
    }
}

/// What a hidden character is.
fn name(character: char) -> &'static str {
    match character {
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{2060}' => "word joiner",
        '\u{feff}' => "zero width no-break space",
        '\u{ad}' => "soft hyphen",
        '\u{200e}' | '\u{200f}' | '\u{61c}' => "direction mark: steers the order of text",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "direction control: reorders the text around it"
        }
        '\u{2028}' | '\u{2029}' => "line or paragraph separator",
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => "variation selector",
        '\u{e0000}'..='\u{e007f}' => "tag character: can spell hidden text",
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => "private use",
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => "control character",
        _ => "invisible character",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<String> {
        pieces(text).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn hidden_characters_get_names() {
        assert_eq!(shown("a\u{200b}b"), ["a", "U+200B", "b"]);
        assert_eq!(shown("\u{200b}\u{200b}"), ["U+200B", "U+200B"]);
        assert_eq!(shown("\u{e0041}\u{e0041}\u{e0041}x"), ["U+E0041 × 3", "x"]);
        assert_eq!(shown("a\n\n\n\nb\tc"), ["a", "↵ ↵ ", "b", "⇥ ", "c"]);
        assert_eq!(pieces("\u{202e}")[0].title, "direction control: reorders the text around it");
        assert_eq!(shown("\\u{200b} as it was typed"), ["\\u{200b} as it was typed"]);
    }

    #[test]
    fn lines_are_cut() {
        assert_eq!(line("abc", 3), "abc");
        assert_eq!(line("abcd", 3), "abc…");
        assert_eq!(line("a\u{202e}b", 80), "a\\u{202e}b");
    }

    proptest! {
        #[test]
        fn nothing_shown_is_hidden_and_nothing_visible_is_lost(text in "\\PC{0,20}[\u{200b}\u{202e}\n a]{0,10}") {
            let pieces = pieces(&text);
            prop_assert!(pieces.iter().all(|piece| !piece.text.chars().any(is_hidden)));
            let plain: String = pieces.iter().filter(|p| p.class.is_empty()).map(|p| p.text.as_str()).collect();
            let kept: String = text.chars().filter(|c| !is_hidden(*c)).collect();
            prop_assert_eq!(plain, kept);
        }
    }
}
