//! The occurrences of a target with the tokens around them, from which a sequence is verified.

use std::ops::Range;

use taster_ngrams::Span;

use crate::evidence::{Mark, Page};
use crate::workspace::Workspace;

/// One occurrence of a target, with the text around it as tokens.
#[derive(Debug, Clone)]
pub(crate) struct Sighting<'a> {
    pub page: &'a Page,
    pub snippet: &'a str,
    /// Where the snippet starts in the document, in bytes.
    pub snippet_start: usize,
    /// Tokens of the snippet, relative to it.
    pub spans: &'a [Span],
    /// Their hashes.
    pub hashes: &'a [u64],
    /// Index of the occurrence's first token in `spans`.
    pub first: usize,
}

impl<'a> Sighting<'a> {
    /// The text of the given tokens of the snippet.
    pub(crate) fn tokens(&self, tokens: Range<usize>) -> impl Iterator<Item = &'a str> {
        let snippet = self.snippet;
        self.spans[tokens].iter().map(move |span| &snippet[span.start as usize..span.end as usize])
    }
}

/// Fewest bytes of text per token of a snippet, but for the most unusual ones: what is not used of the room is not touched.
const BYTES_PER_TOKEN: usize = 2;

/// The tokens of the snippets of one target; keeps its memory from one target to the next, unless that is of a much smaller one.
///
/// Memory: about 1.6 kB per occurrence of the target. Held for all targets of a pass, tokens would take thrice the
/// memory of the text.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    spans: Vec<Span>,
    hashes: Vec<u64>,
    /// Where the tokens of each snippet end.
    ends: Vec<usize>,
}

impl Cuts {
    /// Cuts the snippets into their tokens again: they begin and end with whole tokens of their text.
    pub(crate) fn sightings<'a>(
        &'a mut self,
        workspace: &Workspace,
        marks: &[(&'a Page, Mark)],
    ) -> Vec<Sighting<'a>> {
        let (tokenizer, seed) = (workspace.tokenizer, workspace.parameters.seed);
        let bytes: usize = marks.iter().map(|(page, mark)| page.snippet(*mark).len()).sum();
        fit(&mut self.spans, bytes / BYTES_PER_TOKEN);
        fit(&mut self.hashes, bytes / BYTES_PER_TOKEN);
        self.ends.clear();
        for (page, mark) in marks {
            let (snippet, start) = (page.snippet(*mark), self.spans.len());
            tokenizer.spans(snippet, &mut self.spans);
            tokenizer.hashes_of(snippet, &self.spans[start..], seed, &mut self.hashes);
            self.ends.push(self.spans.len());
        }
        let mut start = 0;
        let sighting = |(&(page, mark), &end): (&(&'a Page, Mark), &usize)| {
            let tokens = std::mem::replace(&mut start, end)..end;
            Sighting {
                page,
                snippet: page.snippet(mark),
                snippet_start: mark.start as usize,
                spans: &self.spans[tokens.clone()],
                hashes: &self.hashes[tokens],
                first: mark.first as usize,
            }
        };
        marks.iter().zip(&self.ends).map(sighting).collect()
    }
}

/// Empties `items`; memory that is too small for `expected`, or four times as large, is given back before other is asked for.
fn fit<T>(items: &mut Vec<T>, expected: usize) {
    items.clear();
    if !(expected..=4 * expected.max(1024)).contains(&items.capacity()) {
        *items = Vec::new();
        items.reserve_exact(expected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_while_it_fits() {
        let mut items: Vec<u64> = Vec::new();
        fit(&mut items, 100_000);
        let kept = items.as_ptr();
        items.push(1);
        for expected in [100_000, 60_000, 25_000] {
            fit(&mut items, expected);
            assert!(items.is_empty() && items.as_ptr() == kept, "{expected}");
        }
        fit(&mut items, 24_000);
        assert_eq!(items.capacity(), 24_000);
        fit(&mut items, 24_001);
        assert_eq!(items.capacity(), 24_001);
    }
}
