//! Attributes for Dolma's mixer: a file per documents file, a line per document in the same order,
//! spans in characters as Python counts them
//! (<https://github.com/allenai/dolma/blob/main/docs/data-format.md>).

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use crate::ExchangeError;

/// Name of the attributes folder, and first part of the attributes' names.
pub const NAME: &str = "taster";

/// First character, character after the last, and the score of the finding.
pub type Span = (usize, usize, f64);

/// One line of an attributes file.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: &'a str,
    attributes: Attributes<'a>,
}

#[derive(Debug, Serialize)]
struct Attributes<'a> {
    /// The whole document with its highest score, if it holds a finding: for filters.
    #[serde(rename = "taster__findings__document")]
    document: &'a [Span],
    /// Where the findings stand: for replacing them.
    #[serde(rename = "taster__findings__span")]
    spans: &'a [Span],
}

/// Path of the attributes of the shard `key`: where Dolma looks for those of
/// `documents/<key without .parquet>.jsonl.gz`.
#[must_use]
pub fn path(key: &str) -> String {
    let stem = key.strip_suffix(".parquet").unwrap_or(key);
    format!("attributes/{NAME}/{stem}.jsonl.gz")
}

/// The line of the document `id`, whose findings stand at `places`: bytes of `text`, with scores.
/// Places that overlap become one with the higher score.
///
/// # Errors
/// A score that is no number.
pub fn line(
    id: &str,
    text: &str,
    places: &[(Range<usize>, f64)],
) -> Result<Vec<u8>, ExchangeError> {
    let spans = merged(in_characters(text, places));
    let score = spans.iter().map(|span| span.2).reduce(f64::max);
    let document: Vec<Span> =
        score.map(|score| (0, text.chars().count(), score)).into_iter().collect();
    let attributes = Attributes { document: &document, spans: &spans };
    let mut line = serde_json::to_vec(&Line { id, attributes })?;
    line.push(b'\n');
    Ok(line)
}

fn in_characters(text: &str, places: &[(Range<usize>, f64)]) -> Vec<Span> {
    let ends = places.iter().flat_map(|(place, _)| [place.start, place.end]);
    let mut characters: BTreeMap<usize, usize> = ends.map(|byte| (byte, 0)).collect();
    let (mut before, mut passed) = (0, 0);
    for (byte, character) in &mut characters {
        // Places lie within the text, at borders of characters.
        passed += text.get(before..*byte).map_or(0, |part| part.chars().count());
        (before, *character) = (*byte, passed);
    }
    let span = |(place, score): &(Range<usize>, f64)| {
        (characters[&place.start], characters[&place.end], *score)
    };
    places.iter().map(span).collect()
}

fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.0, span.1));
    let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match apart.last_mut() {
            Some(last) if span.0 < last.1 => {
                *last = (last.0, last.1.max(span.1), last.2.max(span.2));
            }
            _ => apart.push(span),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn spans_count_characters_and_do_not_overlap() {
        // Two bytes, three bytes, four bytes before the place.
        let text = "é漢😀ab cd";
        let places = [(12..14, 9.0), (9..11, 7.0), (10..13, 8.5)];
        let line = String::from_utf8(line("d\"1", text, &places).unwrap()).unwrap();
        assert_eq!(
            line,
            "{\"id\":\"d\\\"1\",\"attributes\":{\"taster__findings__document\":[[0,8,9.0]],\
             \"taster__findings__span\":[[3,8,9.0]]}}\n"
        );
    }

    #[test]
    fn documents_without_findings_have_empty_attributes() {
        let line = String::from_utf8(line("d", "text", &[]).unwrap()).unwrap();
        assert_eq!(
            line,
            "{\"id\":\"d\",\"attributes\":{\"taster__findings__document\":[],\
             \"taster__findings__span\":[]}}\n"
        );
    }

    #[test]
    fn attributes_mirror_the_documents() {
        assert_eq!(path("a/b.parquet"), "attributes/taster/a/b.jsonl.gz");
        assert_eq!(path("part-0"), "attributes/taster/part-0.jsonl.gz");
    }
}
