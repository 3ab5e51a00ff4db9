//! Makes text safe and honest on a terminal and in tables: what cannot be seen, or what moves
//! other characters, is shown as `\u{200b}`.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The text with every invisible or steering character escaped: C0 and C1 controls (also newline
/// and tab), format characters (bidi controls, zero-width, tags, U+FEFF, soft hyphen), line and
/// paragraph separators, variation selectors, blank fillers, private-use, unassigned scalars.
/// Everything else stands as it is, a backslash too: the result is for reading, not for parsing.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    ) || is_variation_selector(character)
        || is_blank_filler(character)
}

/// Variation selectors: Mongolian, 1–16, 17–256.
pub(crate) fn is_variation_selector(character: char) -> bool {
    matches!(character,
        '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Letters, marks and symbols that show nothing: grapheme joiner, Hangul fillers, Khmer inherent
/// vowels, the empty Braille pattern.
pub(crate) fn is_blank_filler(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{ffa0}'
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_control_is_escaped() {
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).unwrap();
            assert_eq!(visible(&character.to_string()), format!("\\u{{{code:x}}}"));
        }
    }

    #[test]
    fn every_steering_and_invisible_character_is_escaped() {
        let hidden = [
            0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200c, 0x200d,
            0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2060, 0x2064,
            0x2066, 0x2067, 0x2068, 0x2069, 0x206f, 0x2800, 0x3164, 0xe000, 0xfe00, 0xfe0f, 0xfeff,
            0xffa0, 0xfff9, 0xfffe, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0x10ffff,
        ];
        for code in hidden {
            let character = char::from_u32(code).unwrap();
            assert_eq!(visible(&format!("a{character}b")), format!("a\\u{{{code:x}}}b"));
        }
    }

    #[test]
    fn golden_line() {
        let line = "ok \u{1b}[31mred\u{7}\r\n\u{202e}gpj.exe\u{2069} \u{200b}é 漢\u{e0041}";
        let shown = r"ok \u{1b}[31mred\u{7}\u{d}\u{a}\u{202e}gpj.exe\u{2069} \u{200b}é 漢\u{e0041}";
        assert_eq!(visible(line), shown);
    }

    #[test]
    fn honest_text_is_borrowed() {
        for text in
            ["", "plain", "naïve — “quoted” …", "漢字かな ไทย हिन्दी עברית", "😀 = \\u{200b}"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn result_has_nothing_to_escape() {
        for character in ('\0'..=char::MAX).step_by(7) {
            let shown = visible(character.encode_utf8(&mut [0; 4])).into_owned();
            assert!(!shown.chars().any(is_hidden));
        }
    }
}
