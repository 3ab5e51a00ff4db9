//! One occurrence in its context, token by token.

use taster_findings::{Finding, Occurrence};

use crate::occurrence::Place;
use crate::subject::{RareToken, Shading};
use crate::text::{Piece, pieces};

/// An occurrence as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub place: Place,
    pub before: Vec<Shaded>,
    pub sequence: Vec<Shaded>,
    pub after: Vec<Shaded>,
    /// What the shades say, in words; empty without shades.
    pub summary: String,
}

/// Text of one shade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shaded {
    /// Class of the style sheet; empty for no shade.
    pub class: &'static str,
    pub pieces: Vec<Piece>,
}

/// The example that an occurrence makes. `floor` is the least df of a finding.
pub(crate) fn example(
    finding: &Finding,
    occurrence: &Occurrence,
    shading: Option<&Shading>,
    floor: u64,
) -> Example {
    let text = format!("{}{}{}", occurrence.before, finding.text, occurrence.after);
    let start = occurrence.before.len();
    let end = start + finding.text.len();
    let tokens = shading.map_or(&[][..], |shading| &shading.tokens);
    let part = |from, to| shaded(&text, from, to, tokens, floor);
    Example {
        place: Place::of(occurrence),
        before: part(0, start),
        sequence: part(start, end),
        after: part(end, text.len()),
        summary: shading.map(|shading| summary(shading, start, end)).unwrap_or_default(),
    }
}

/// The text of `from..to`, where tokens that follow each other in one shade are one part.
fn shaded(text: &str, from: usize, to: usize, tokens: &[RareToken], floor: u64) -> Vec<Shaded> {
    let mut parts: Vec<(&'static str, usize, usize)> = Vec::new();
    let mut end = from;
    for token in tokens.iter().filter(|token| from <= token.start && token.end <= to) {
        let class = shade(token.documents, floor);
        match parts.last_mut() {
            // Blanks between two tokens of a shade belong to it.
            Some((last, _, until)) if *last == class => *until = token.end,
            _ => {
                if end < token.start {
                    parts.push(("", end, token.start));
                }
                parts.push((class, token.start, token.end));
            }
        }
        end = token.end;
    }
    if end < to {
        parts.push(("", end, to));
    }
    let piece = |(class, start, end): (_, usize, usize)| {
        // Bounds that are no borders of characters are none of this text's tokens.
        let text = text.get(start..end).unwrap_or_default();
        Shaded { class, pieces: pieces(text) }
    };
    parts.into_iter().map(piece).collect()
}

/// The class for an n-gram in so many documents.
fn shade(documents: u32, floor: u64) -> &'static str {
    match u64::from(documents) {
        0 | 1 => "r3",
        few if few < floor => "r2",
        some if some < 10 * floor => "r1",
        _ => "",
    }
}

fn summary(shading: &Shading, start: usize, end: usize) -> String {
    let noun = if shading.order == 2 { "pairs" } else { "triples" };
    let unseen = |is_inside: &dyn Fn(&RareToken) -> bool| {
        let inside: Vec<_> = shading.tokens.iter().filter(|token| is_inside(token)).collect();
        (inside.iter().filter(|token| token.documents <= 1).count(), inside.len())
    };
    let (before, all_before) = unseen(&|token| token.end <= start);
    let (after, all_after) = unseen(&|token| token.start >= end);
    format!(
        "In no other document: {after} of the {all_after} word {noun} shown after it, {before} of the {all_before} before it."
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::tests::finding;
    use crate::occurrence::tests::occurrence;

    fn token(start: usize, end: usize, documents: u32) -> RareToken {
        RareToken { start, end, documents }
    }

    fn told(parts: &[Shaded]) -> Vec<(&'static str, String)> {
        let text = |part: &Shaded| part.pieces.iter().map(|piece| piece.text.as_str()).collect();
        parts.iter().map(|part| (part.class, text(part))).collect()
    }

    #[test]
    fn tokens_of_a_shade_are_one_part() {
        let mut finding = finding();
        finding.text = "T".into();
        let occurrence = occurrence("x yy ", " ab cd ef");
        // x yy T ab cd ef
        let tokens = vec![
            token(2, 4, 500),
            token(5, 6, 20),
            token(7, 9, 1),
            token(10, 12, 1),
            token(13, 15, 5),
        ];
        let shading = Shading { occurrence: 0, order: 2, tokens };
        let example = example(&finding, &occurrence, Some(&shading), 10);
        assert_eq!(told(&example.before), [("", "x ".into()), ("", "yy".into()), ("", " ".into())]);
        assert_eq!(told(&example.sequence), [("r1", "T".into())]);
        let after =
            [("", " ".into()), ("r3", "ab cd".into()), ("", " ".into()), ("r2", "ef".into())];
        assert_eq!(told(&example.after), after);
        assert_eq!(
            example.summary,
            "In no other document: 2 of the 3 word pairs shown after it, 0 of the 1 before it."
        );
    }

    #[test]
    fn text_is_whole_without_shades_and_with_wrong_ones() {
        let occurrence = occurrence("é ", " z");
        let plain = example(&finding(), &occurrence, None, 10);
        assert_eq!(told(&plain.before), [("", "é ".into())]);
        assert_eq!(plain.summary, "");
        // Inside the é: nothing is shown for it, and nothing panics.
        let shading = Shading { occurrence: 0, order: 2, tokens: vec![token(1, 2, 1)] };
        example(&finding(), &occurrence, Some(&shading), 10);
    }
}
