//! Which role a character plays for the `words` tokenizer.

use std::sync::LazyLock;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// The role of one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum CharClass {
    /// Separates tokens and belongs to none (property White_Space).
    Space,
    /// Part of a maximal run (letters, marks, numbers, `_`).
    Word,
    /// A token by itself.
    Single,
}

/// Characters below this are answered from a table (planes 0 and 1, where nearly all text is).
const TABLE_CHARS: usize = 0x2_0000;

static TABLE: LazyLock<Vec<CharClass>> = LazyLock::new(|| {
    let class = |code: usize| char::from_u32(code as u32).map_or(CharClass::Single, classify);
    (0..TABLE_CHARS).map(class).collect()
});

/// Classes of the 128 ASCII characters.
pub(crate) const ASCII: [CharClass; 128] = {
    let mut table = [CharClass::Single; 128];
    let mut code = 0;
    while code < 128 {
        let byte = code as u8;
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            table[code] = CharClass::Word;
        } else if byte == b' ' || (byte >= 9 && byte <= 13) {
            table[code] = CharClass::Space;
        }
        code += 1;
    }
    table
};

/// The table of the first two planes, fetched once per document to keep its guard out of loops.
pub(crate) fn table() -> &'static [CharClass] {
    &TABLE
}

/// The class of `c`, given [`table`].
#[inline]
pub(crate) fn class_of(c: char, table: &[CharClass]) -> CharClass {
    table.get(c as usize).copied().unwrap_or_else(|| classify(c))
}

/// The class of `c` from its Unicode properties. White space first, then scripts written
/// without spaces (each character a token), then letters, marks and numbers.
fn classify(c: char) -> CharClass {
    if c.is_whitespace() {
        return CharClass::Space;
    }
    if is_written_without_spaces(c) {
        return CharClass::Single;
    }
    if c == '_' || is_word_category(c.general_category()) {
        return CharClass::Word;
    }
    CharClass::Single
}

fn is_written_without_spaces(c: char) -> bool {
    use Script::{Han, Hiragana, Katakana, Khmer, Lao, Myanmar, Thai};
    matches!(c.script(), Han | Hiragana | Katakana | Thai | Lao | Khmer | Myanmar)
}

fn is_word_category(category: GeneralCategory) -> bool {
    use GeneralCategory::{
        DecimalNumber, EnclosingMark, LetterNumber, LowercaseLetter, ModifierLetter,
        NonspacingMark, OtherLetter, OtherNumber, SpacingMark, TitlecaseLetter, UppercaseLetter,
    };
    matches!(
        category,
        UppercaseLetter
            | LowercaseLetter
            | TitlecaseLetter
            | ModifierLetter
            | OtherLetter
            | NonspacingMark
            | SpacingMark
            | EnclosingMark
            | DecimalNumber
            | LetterNumber
            | OtherNumber
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_and_ascii_agree_with_the_properties() {
        for code in 0..0x11_0000_u32 {
            if let Some(c) = char::from_u32(code) {
                assert_eq!(class_of(c, table()), classify(c), "U+{code:04X}");
            }
        }
        for (code, class) in ASCII.iter().enumerate() {
            assert_eq!(*class, table()[code], "U+{code:04X}");
        }
    }

    #[test]
    fn scripts_symbols_and_controls() {
        use CharClass::{Single, Space, Word};
        let expected = [
            ('漢', Single),
            ('ひ', Single),
            ('ร', Single),
            ('한', Word),
            ('é', Word),
            ('ß', Word),
            ('\u{300}', Word),
            ('٣', Word),
            ('½', Word),
            ('\u{200b}', Single),
            ('\u{feff}', Single),
            ('\u{202e}', Single),
            ('\u{e0041}', Single),
            ('\u{ff61}', Single),
            ('\u{85}', Space),
            ('\u{a0}', Space),
            ('\u{3000}', Space),
            ('😀', Single),
            ('\0', Single),
            ('\u{20000}', Single),
        ];
        for (c, class) in expected {
            assert_eq!(classify(c), class, "{c:?}");
        }
    }
}
