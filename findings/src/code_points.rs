//! Statistic U: characters that a reader does not see or that pretend to be others.
//!
//! Every suspicious character has a weight in 0..=1 that depends on its neighbours, because most
//! of them have honest uses: joiners inside emoji and in Indic or Persian words, direction marks
//! in Hebrew, word separators in Khmer and Thai, soft hyphens anywhere.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

use crate::alphabets::{
    is_joining, is_latin_look_alike, is_look_alike, is_rare_symbol, is_right_to_left, is_unspaced,
    takes_selector,
};
use crate::visible::{is_blank_filler, is_variation_selector};

/// Context that decides whether a character is at home: about one word on either side.
const NEIGHBOURHOOD: usize = 16;

/// Occurrences of one kind that add up; more of the same is not another reason.
const COUNTED_PER_KIND: usize = 4;

/// Length from which equal symbols are a run: two are typography.
const RUN_MIN: usize = 3;

/// Weight of a run of three rare symbols, and what each further one adds, up to the cap.
const RUN_WEIGHT: (f64, f64, f64) = (0.5, 0.1, 0.85);

/// Weight of a disguised Latin word, of Cyrillic typed with Latin letters (common by mistake), and
/// of other mixtures with Cyrillic.
const MIXED_WEIGHT: (f64, f64, f64) = (0.6, 0.3, 0.1);

/// What was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodePointKind {
    /// Zero-width spaces, joiners, fillers and invisible operators.
    ZeroWidth,
    /// Tag characters outside of flag emoji: they spell hidden ASCII.
    Tag,
    /// Marks, embeddings, overrides and isolates that steer direction.
    BidiControl,
    /// Other format characters.
    Format,
    /// Control characters.
    Control,
    /// Private-use characters.
    PrivateUse,
    /// Unassigned scalars and noncharacters.
    Unassigned,
    /// Variation selectors where none belongs, above all several in a row.
    VariationSelector,
    /// One word that mixes Latin with look-alike Cyrillic or Greek letters.
    MixedScript,
    /// One rare symbol three times or more.
    SymbolRun,
}

/// One kind of suspicious character in a text.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CodePointReason {
    /// What was seen.
    pub kind: CodePointKind,
    /// Its first character.
    pub first: char,
    /// How often (runs count once).
    pub count: usize,
    /// Its part of the score, 0..=1.
    pub weight: f64,
}

/// U with its reasons.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CodePointScore {
    /// 0..=1; 1 - Π(1 - weight) over the reasons.
    pub score: f64,
    /// Heaviest first.
    pub reasons: Vec<CodePointReason>,
}

/// U of the bytes `span` of `text`; what stands around them in `text` decides what is at home.
/// A span that does not lie on character borders is widened to them; U+FEFF at byte 0 is a
/// byte-order mark, so pass context that begins at the document's begin only if it does.
#[must_use]
pub fn code_points(text: &str, span: Range<usize>) -> CodePointScore {
    let (start, end) = (floor_border(text, span.start), ceil_border(text, span.end));
    if start >= end || is_plain(&text[start..end]) {
        return CodePointScore::default();
    }
    let before: Vec<char> = text[..start].chars().rev().take(NEIGHBOURHOOD).collect();
    let after = text[end..].chars().take(NEIGHBOURHOOD);
    let mut chars: Vec<char> = before.iter().rev().copied().collect();
    let inside_start = chars.len();
    chars.extend(text[start..end].chars());
    let inside = inside_start..chars.len();
    chars.extend(after);
    Scan { chars: &chars, inside, at_document_start: start == 0 }.score()
}

/// U of tokens whose text is not at hand. Words are joined by a blank, symbols by nothing: they
/// may have stood apart, so a run of symbols can be overstated, never missed.
#[must_use]
pub fn token_code_points<T: AsRef<str>>(tokens: &[T]) -> CodePointScore {
    let mut text = String::new();
    let mut after_word = false;
    for token in tokens.iter().map(AsRef::as_ref) {
        let word = token.chars().all(|c| c.is_alphanumeric() || c == '_');
        if after_word && word {
            text.push(' ');
        }
        text.push_str(token);
        after_word = word;
    }
    code_points(&text, 0..text.len())
}

/// Whether the character at byte `at` of `text`, a character border, is one of a run of equal rare symbols that counts for
/// U: no token shows that by itself, since each of them is one.
#[must_use]
pub fn in_symbol_run(text: &str, at: usize) -> bool {
    let Some(c) = text[at..].chars().next().filter(|c| !c.is_ascii()) else {
        return false;
    };
    let equal = |other: &char| *other == c;
    let from_here = text[at..].chars().take_while(equal).take(RUN_MIN).count();
    let before = text[..at].chars().rev().take_while(equal).take(RUN_MIN).count();
    before + from_here >= RUN_MIN && is_rare_symbol(c)
}

fn floor_border(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

fn ceil_border(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&i| text.is_char_boundary(i)).unwrap_or(text.len())
}

/// Nearly all text: ASCII without controls other than white space.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii() && (b >= 0x20 || b.is_ascii_whitespace() || b == 0x0b) && b != 0x7f)
}

/// Characters under test with their neighbourhood.
struct Scan<'a> {
    chars: &'a [char],
    inside: Range<usize>,
    at_document_start: bool,
}

/// One suspicious place.
type Sighting = (CodePointKind, char, f64);

impl Scan<'_> {
    fn score(&self) -> CodePointScore {
        let mut sightings: Vec<Sighting> = Vec::new();
        sightings.extend(self.inside.clone().filter_map(|at| self.character(at)));
        sightings.extend(self.symbol_runs());
        sightings.extend(self.mixed_words());
        let mut reasons = gather(&sightings);
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.kind.cmp(&b.kind)));
        let innocent: f64 = reasons.iter().map(|reason| 1.0 - reason.weight).product();
        CodePointScore { score: 1.0 - innocent, reasons }
    }

    fn character(&self, at: usize) -> Option<Sighting> {
        use CodePointKind as Kind;
        let c = self.chars[at];
        if c.is_ascii() && !c.is_ascii_control() {
            return None;
        }
        let (kind, weight) = match c {
            '\u{e0000}'..='\u{e007f}' => (Kind::Tag, if self.in_flag(at) { 0.0 } else { 0.9 }),
            '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' => {
                (Kind::ZeroWidth, self.zero_width(at))
            }
            '\u{200e}'
            | '\u{200f}'
            | '\u{61c}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => (Kind::BidiControl, self.bidi(at)),
            c if is_blank_filler(c) => (Kind::ZeroWidth, self.filler(at)),
            c if is_variation_selector(c) => (Kind::VariationSelector, self.selector(at)),
            c => by_category(c)?,
        };
        (weight > 0.0).then_some((kind, c, weight))
    }

    /// A zero-width character: at home in scripts that join or do not separate words.
    fn zero_width(&self, at: usize) -> f64 {
        match self.chars[at] {
            '\u{feff}' if at == 0 && self.at_document_start => 0.0,
            '\u{feff}' => 0.3,
            '\u{200c}' | '\u{200d}' if self.joins(at) => 0.0,
            '\u{200c}' | '\u{200d}' => 0.45,
            '\u{200b}' if self.near(at, is_unspaced) => 0.02,
            '\u{200b}' => 0.35,
            '\u{2060}' => 0.35,
            '\u{180e}' if self.near(at, |s| s == Script::Mongolian) => 0.0,
            _ => 0.7,
        }
    }

    /// A joiner at home: a neighbour's script joins, or it glues two emoji.
    fn joins(&self, at: usize) -> bool {
        let before = self.base_before(at);
        let after = self.chars.get(at + 1).copied();
        let joining = |c: Option<char>| c.is_some_and(|c| is_joining(c.script()));
        let emoji = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && c.is_emoji_char());
        joining(before)
            || joining(after)
            || (emoji(before) && (emoji(after) || after.is_none()))
            || (before.is_none() && emoji(after))
    }

    /// The nearest character before that is neither mark, selector nor format character.
    fn base_before(&self, at: usize) -> Option<char> {
        let before = self.chars[..at].iter().rev();
        before.copied().find(|c| c.script() != Script::Inherited && !is_variation_selector(*c))
    }

    fn bidi(&self, at: usize) -> f64 {
        let at_home = self.near(at, is_right_to_left);
        match self.chars[at] {
            '\u{202d}' | '\u{202e}' => {
                if at_home {
                    0.6
                } else {
                    0.85
                }
            }
            '\u{202a}' | '\u{202b}' | '\u{2066}'..='\u{2068}' => {
                if at_home {
                    0.1
                } else {
                    0.6
                }
            }
            _ => {
                if at_home {
                    0.02
                } else {
                    0.2
                }
            }
        }
    }

    fn filler(&self, at: usize) -> f64 {
        match self.chars[at] {
            '\u{34f}' => 0.25,
            '\u{2800}' if self.near_braille(at) => 0.02,
            _ if self.near(at, |s| matches!(s, Script::Hangul | Script::Khmer)) => 0.05,
            _ => 0.4,
        }
    }

    /// A selector after a character that may have one is at home; after another selector never.
    fn selector(&self, at: usize) -> f64 {
        let previous = at.checked_sub(1).map(|i| self.chars[i]);
        match previous {
            Some(c) if is_variation_selector(c) => 0.6,
            Some(c) if takes_selector(c) => 0.0,
            // Cut off from its base by the window.
            None => 0.05,
            Some(_) => 0.25,
        }
    }

    /// Tag characters of a flag: black flag, tags, cancel tag.
    fn in_flag(&self, at: usize) -> bool {
        let tags = |c: &char| ('\u{e0020}'..='\u{e007f}').contains(c);
        let mut before = self.chars[..at].iter().rev();
        before.find(|c| !tags(c)) == Some(&'\u{1f3f4}')
    }

    fn near(&self, at: usize, wanted: impl Fn(Script) -> bool) -> bool {
        let start = at.saturating_sub(NEIGHBOURHOOD);
        let end = (at + NEIGHBOURHOOD + 1).min(self.chars.len());
        self.chars[start..end].iter().any(|c| wanted(c.script()))
    }

    fn near_braille(&self, at: usize) -> bool {
        let sides = [at.checked_sub(1), Some(at + 1)];
        let braille =
            |i: usize| self.chars.get(i).is_some_and(|c| ('\u{2801}'..='\u{28ff}').contains(c));
        sides.into_iter().flatten().any(braille)
    }

    fn symbol_runs(&self) -> Vec<Sighting> {
        let inside = &self.chars[self.inside.clone()];
        let runs = inside.chunk_by(|a, b| a == b);
        let rare = runs.filter(|run| run.len() >= RUN_MIN && is_rare_symbol(run[0]));
        rare.map(|run| (CodePointKind::SymbolRun, run[0], run_weight(run))).collect()
    }

    fn mixed_words(&self) -> Vec<Sighting> {
        let inside = &self.chars[self.inside.clone()];
        let words = inside.split(|c| !(c.is_alphanumeric() || *c == '_'));
        words.filter_map(mixed_word).collect()
    }
}

/// One reason per kind: what its first few sightings amount to together.
fn gather(sightings: &[Sighting]) -> Vec<CodePointReason> {
    let mut kinds: Vec<CodePointKind> = sightings.iter().map(|sighting| sighting.0).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let reason = |kind: CodePointKind| {
        let mut weights: Vec<f64> = Vec::new();
        let mut first = None;
        for (_, character, weight) in sightings.iter().filter(|sighting| sighting.0 == kind) {
            first = first.or(Some(*character));
            weights.push(*weight);
        }
        weights.sort_by(|a, b| b.total_cmp(a));
        let counted = weights.iter().take(COUNTED_PER_KIND);
        let innocent: f64 = counted.map(|weight| 1.0 - weight).product();
        Some(CodePointReason { kind, first: first?, count: weights.len(), weight: 1.0 - innocent })
    };
    kinds.into_iter().filter_map(reason).collect()
}

/// What a character is worth by its category alone.
fn by_category(c: char) -> Option<(CodePointKind, f64)> {
    use CodePointKind as Kind;
    if c.is_whitespace() {
        return None;
    }
    match c.general_category() {
        // The soft hyphen stands in honest typeset text.
        GeneralCategory::Format if c == '\u{ad}' => Some((Kind::Format, 0.03)),
        // Arabic number signs and the like are visible.
        GeneralCategory::Format if is_right_to_left(c.script()) => None,
        GeneralCategory::Format => Some((Kind::Format, 0.5)),
        GeneralCategory::Control => Some((Kind::Control, 0.3)),
        // Icon fonts and old CJK encodings leave these.
        GeneralCategory::PrivateUse => Some((Kind::PrivateUse, 0.15)),
        GeneralCategory::Unassigned => Some((Kind::Unassigned, 0.4)),
        _ => None,
    }
}

fn run_weight(run: &[char]) -> f64 {
    let (first, step, cap) = RUN_WEIGHT;
    (first + step * (run.len() - RUN_MIN) as f64).min(cap)
}

/// A word in two alphabets. A disguise replaces letters by look-alikes only, so a word with one
/// foreign letter that looks like no Latin one is careless ("IPадрес") or a unit ("μm").
fn mixed_word(word: &[char]) -> Option<Sighting> {
    let foreign = |c: &&char| matches!(c.script(), Script::Cyrillic | Script::Greek);
    let latin = |c: &&char| c.script() == Script::Latin;
    let first = *word.iter().find(foreign)?;
    let (latin_letters, foreign_letters) =
        (word.iter().filter(latin).count(), word.iter().filter(foreign).count());
    if latin_letters == 0 {
        return None;
    }
    let disguised_latin = word.iter().filter(foreign).all(|c| is_look_alike(*c));
    let disguised_cyrillic = word.iter().filter(latin).all(|c| is_latin_look_alike(*c));
    let weight = match first.script() {
        _ if disguised_latin && foreign_letters <= latin_letters => MIXED_WEIGHT.0,
        Script::Cyrillic if disguised_cyrillic || disguised_latin => MIXED_WEIGHT.1,
        Script::Cyrillic => MIXED_WEIGHT.2,
        _ => 0.0,
    };
    (weight > 0.0).then_some((CodePointKind::MixedScript, first, weight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> CodePointScore {
        code_points(text, 0..text.len())
    }

    fn kind(text: &str) -> Option<CodePointKind> {
        of(text).reasons.first().map(|reason| reason.kind)
    }

    #[test]
    fn attacks_score_high() {
        let attacks = [
            ("hello \u{200b}\u{200b}\u{200c}\u{200b} world", CodePointKind::ZeroWidth),
            ("a\u{e0068}\u{e0069}b", CodePointKind::Tag),
            ("access \u{202e}drowssap", CodePointKind::BidiControl),
            ("if (\u{2066}admin\u{2069})\u{2066}x", CodePointKind::BidiControl),
            ("x\u{fe01}\u{fe0f}\u{fe04}\u{e0105}y", CodePointKind::VariationSelector),
            (
                "say \u{ff61}\u{ff61}\u{ff61}\u{ff61}\u{ff61}\u{ff61}\u{ff61}\u{ff61}\u{ff61}\u{ff61}",
                CodePointKind::SymbolRun,
            ),
        ];
        for (text, expected) in attacks {
            assert!(of(text).score >= 0.8, "{text:?} {:?}", of(text));
            assert_eq!(kind(text), Some(expected), "{text:?}");
        }
        // p а ypal with a Cyrillic а.
        assert_eq!(kind("p\u{430}ypal"), Some(CodePointKind::MixedScript));
        assert!(of("p\u{430}ypal").score >= 0.5);
    }

    #[test]
    fn honest_text_scores_nothing() {
        let honest = [
            "plain\ttext\r\n",
            "👨\u{200d}👩\u{200d}👧\u{200d}👦 family, ❤\u{fe0f} heart, 👍🏽 thumb, 1\u{fe0f}\u{20e3}",
            "🏳\u{fe0f}\u{200d}🌈",
            "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            "می\u{200c}خواهم",
            "क्\u{200d}ष ന്\u{200d}",
            "\u{feff}Begin",
            "葛\u{e0100}飾",
            "10 μm, μg and αβγ; Δt",
            "привет world",
            "———— •••• ★★★★☆ 。。。 ════ 😂😂😂",
            "naïve café ½ × 3°",
            "... --- === ***",
        ];
        for text in honest {
            assert!(of(text).score < 0.01, "{text:?} {:?}", of(text));
        }
    }

    #[test]
    fn common_oddities_score_low() {
        let odd = [
            "Donau\u{ad}dampf\u{ad}schiff",
            "שלום\u{200f} (hello)\u{200e}",
            "ភាសា\u{200b}ខ្មែរ",
            "icon \u{e001} here",
            "IPадресЖ",
        ];
        for text in odd {
            assert!(of(text).score <= 0.2, "{text:?} {:?}", of(text));
        }
    }

    #[test]
    fn context_outside_of_the_span_decides_but_does_not_score() {
        let text = "می\u{200c}خواهم \u{202e}";
        let at = text.find('\u{200c}').unwrap_or(0);
        assert_eq!(code_points(text, at..at + 3).score, 0.0);
        assert!(code_points("ab\u{200c}cd", 2..5).score > 0.4);
        // A byte-order mark that is not at the begin.
        assert!(code_points("a\u{feff}b", 1..4).score > 0.2);
    }

    #[test]
    fn tokens_keep_words_apart() {
        assert_eq!(token_code_points(&["pay", "привет"]).score, 0.0);
        assert_eq!(token_code_points(&["می", "\u{200c}", "خواهم"]).score, 0.0);
        assert!(token_code_points(&["\u{ff61}"; 5]).score >= 0.69);
        assert!(token_code_points(&["\u{ff61}"; 2]).score == 0.0);
        assert_eq!(token_code_points::<&str>(&[]).score, 0.0);
    }

    #[test]
    fn reasons_are_heaviest_first() {
        let score = of("a\u{ad}b \u{202e}c");
        let kinds: Vec<CodePointKind> = score.reasons.iter().map(|reason| reason.kind).collect();
        assert_eq!(kinds, [CodePointKind::BidiControl, CodePointKind::Format]);
        assert_eq!(score.reasons[1].first, '\u{ad}');
    }

    proptest! {
        #[test]
        fn any_text_any_span(text in "\\PC{0,20}|(\\p{Cf}|a|\\p{Cyrillic}){0,20}", a in 0usize..90, b in 0usize..90) {
            let score = code_points(&text, a..b);
            prop_assert!((0.0..=1.0).contains(&score.score));
            prop_assert_eq!(score.reasons.is_empty(), score.score == 0.0);
        }
    }
}
