//! Which scripts and symbols make an unusual character ordinary.

use unicode_properties::{GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// Scripts whose words need joiners or non-joiners (Unicode Standard, chapters 9, 12–14).
pub(crate) fn is_joining(script: Script) -> bool {
    matches!(
        script,
        Script::Arabic
            | Script::Syriac
            | Script::Mongolian
            | Script::Nko
            | Script::Mandaic
            | Script::Devanagari
            | Script::Bengali
            | Script::Gurmukhi
            | Script::Gujarati
            | Script::Oriya
            | Script::Tamil
            | Script::Telugu
            | Script::Kannada
            | Script::Malayalam
            | Script::Sinhala
            | Script::Khmer
            | Script::Myanmar
            | Script::Tibetan
            | Script::Balinese
            | Script::Javanese
    )
}

/// Scripts written without spaces, where U+200B separates words.
pub(crate) fn is_unspaced(script: Script) -> bool {
    matches!(
        script,
        Script::Khmer
            | Script::Thai
            | Script::Lao
            | Script::Myanmar
            | Script::Han
            | Script::Hiragana
            | Script::Katakana
            | Script::Tibetan
    )
}

pub(crate) fn is_right_to_left(script: Script) -> bool {
    matches!(
        script,
        Script::Arabic | Script::Hebrew | Script::Syriac | Script::Thaana | Script::Nko
    )
}

/// Characters that variation sequences are defined for, widely taken: emoji, symbols, Han,
/// Mongolian, Phags-pa, and keycap bases.
pub(crate) fn takes_selector(c: char) -> bool {
    let symbol = c.general_category_group() == GeneralCategoryGroup::Symbol;
    symbol
        || c.is_emoji_char()
        || c.general_category_group() == GeneralCategoryGroup::Punctuation
        || matches!(
            c.script(),
            Script::Han | Script::Mongolian | Script::Phags_Pa | Script::Myanmar
        )
}

/// A symbol or punctuation mark that honest text does not repeat as a line or for emphasis.
pub(crate) fn is_rare_symbol(c: char) -> bool {
    let group = c.general_category_group();
    let symbol = matches!(group, GeneralCategoryGroup::Symbol | GeneralCategoryGroup::Punctuation);
    symbol && !c.is_ascii() && !is_common_symbol(c)
}

/// Latin-1 signs, dashes, quotes, bullets, dandas, arrows, mathematics, lines, blocks, shapes,
/// stars, CJK and full-width punctuation, emoji, and the replacement character of broken encodings.
fn is_common_symbol(c: char) -> bool {
    matches!(c,
        '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{205e}' | '\u{964}' | '\u{965}' | '\u{2190}'..='\u{22ff}'
        | '\u{2500}'..='\u{27bf}' | '\u{2800}'..='\u{28ff}' | '\u{3000}'..='\u{303f}' | '\u{30fb}'
        | '\u{ff01}'..='\u{ff5e}' | '\u{fffd}')
        || c.is_emoji_char()
}

/// Cyrillic and Greek letters that look like Latin ones in common fonts (single letters of
/// Unicode's confusables list, UTS #39; Greek ones used as mathematical symbols are left out).
pub(crate) fn is_look_alike(c: char) -> bool {
    "аеорсухіјѕһԁԛԝАВЕЅІЈКМНОРСТУХҮΑΒΕΖΗΙΚΜΝΟΡΤΥΧο".contains(c)
}

/// Latin letters that look like Cyrillic ones; without i and I, which abbreviations are full of.
pub(crate) fn is_latin_look_alike(c: char) -> bool {
    "aceopxyjsABCEHKMOPTXY".contains(c)
}
