//! From the sightings of one candidate to a verified sequence.

use std::sync::Arc;

use taster_findings::{
    CodePointScore, Company, Surroundings, Template, Window, code_points, extend,
};

use crate::around::{around, surround};
use crate::corpus::DocumentOrd;
use crate::read_documents::ReadDocument;
use crate::sighting::Sighting;

/// Bytes of text shown before and after an occurrence, about.
pub(crate) const SHOWN_BYTES: usize = 160;
/// Occurrences listed per finding: the text around all others is not kept.
const LISTED_OCCURRENCES: usize = 250;

/// A sequence that stands in the corpus as said: every document was read and its tokens compared.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub tokens: Vec<String>,
    /// As it stands in the first occurrence.
    pub text: String,
    pub code_points: CodePointScore,
    /// The first of its occurrences, in shard and row order.
    pub listed: Vec<Place>,
    /// The documents that hold it, in the same order.
    pub holders: Vec<Holder>,
    /// Occurrences beyond those of the holders.
    pub uncounted: u64,
    /// Ordinals of the documents that hold it, ascending.
    pub documents: Vec<DocumentOrd>,
    /// Hashes of its tokens.
    pub hashes: Vec<u64>,
    /// What its documents have in common besides it.
    pub company: Company,
    /// What they share around it beyond slots that vary.
    pub template: Option<Template>,
}

impl Sequence {
    /// All its occurrences.
    pub(crate) fn occurrences(&self) -> u64 {
        let seen = self.holders.iter().map(|holder| u64::from(holder.occurrences));
        seen.sum::<u64>() + self.uncounted
    }
}

/// A document that holds a sequence.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub document: Arc<ReadDocument>,
    /// Occurrences in it that were seen.
    pub occurrences: u32,
}

/// One occurrence as it is reported.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub document: Arc<ReadDocument>,
    pub byte_start: usize,
    pub byte_end: usize,
    pub before: Box<str>,
    pub after: Box<str>,
}

/// Verifies the sightings of one candidate of `order` tokens, given in document order: drops
/// those whose tokens differ from the first (a fingerprint collision) and extends the rest to a
/// closed sequence, if it `closes`. `None` without sightings. What `surroundings` held is lost.
pub(crate) fn verify(
    mut sightings: Vec<Sighting<'_>>,
    order: usize,
    closes: bool,
    surroundings: &mut Surroundings,
) -> Option<Sequence> {
    drop_collisions(&mut sightings, order);
    if !closes {
        return sequence(&sightings.iter().collect::<Vec<_>>(), 0, order, surroundings);
    }
    let documents: Vec<&[Sighting<'_>]> = sightings.chunk_by(same_document).collect();
    let window = |sighting: &Sighting<'_>| Bounds::of(sighting, order);
    let bounds: Vec<Vec<Bounds>> =
        documents.iter().map(|d| d.iter().map(window).collect()).collect();
    let windows: Vec<Vec<Window<'_>>> = documents
        .iter()
        .zip(&bounds)
        .map(|(document, bounds)| document.iter().zip(bounds).map(|(s, b)| b.window(s)).collect())
        .collect();
    let extension = extend(&windows);
    let survivors = documents.iter().zip(&extension.occurrences);
    let survivors: Vec<&Sighting<'_>> =
        survivors.flat_map(|(document, kept)| kept.iter().map(|&index| &document[index])).collect();
    let length = order + extension.left + extension.right;
    sequence(&survivors, extension.left, length, surroundings)
}

pub(crate) fn same_document(a: &Sighting<'_>, b: &Sighting<'_>) -> bool {
    a.page.document.ord == b.page.document.ord
}

fn drop_collisions(sightings: &mut Vec<Sighting<'_>>, order: usize) {
    let Some(first) = sightings.first() else {
        return;
    };
    let own = |sighting: &Sighting<'_>| sighting.first..sighting.first + order;
    let expected: Vec<&str> = first.tokens(own(first)).collect();
    sightings.retain(|sighting| sighting.tokens(own(sighting)).eq(expected.iter().copied()));
}

/// The hashes before and after an occurrence.
struct Bounds {
    left: usize,
    right: usize,
}

impl Bounds {
    fn of(sighting: &Sighting<'_>, order: usize) -> Self {
        Self { left: sighting.first, right: sighting.first + order }
    }

    fn window<'a>(&self, sighting: &'a Sighting<'_>) -> Window<'a> {
        Window { left: &sighting.hashes[..self.left], right: &sighting.hashes[self.right..] }
    }
}

/// The sequence of `length` tokens that starts `left` tokens before each sighting.
fn sequence<'a>(
    sightings: &[&'a Sighting<'a>],
    left: usize,
    length: usize,
    surroundings: &mut Surroundings,
) -> Option<Sequence> {
    let first = sightings.first()?;
    let from = first.first - left;
    let (start, end) = bytes(first, from, length);
    let (template, firsts) = around(sightings, left, length);
    surround(&firsts, surroundings);
    let (holders, listed) = occurrences(sightings, left, length);
    Some(Sequence {
        tokens: first.tokens(from..from + length).map(str::to_owned).collect(),
        text: first.snippet[start..end].to_owned(),
        code_points: code_points(first.snippet, start..end),
        listed,
        uncounted: 0,
        documents: holders.iter().map(|holder| holder.document.ord).collect(),
        holders,
        hashes: first.hashes[from..from + length].to_vec(),
        company: surroundings.company(),
        template,
    })
}

/// The documents that hold the sequence, and its first occurrences.
fn occurrences(
    sightings: &[&Sighting<'_>],
    left: usize,
    length: usize,
) -> (Vec<Holder>, Vec<Place>) {
    let (mut holders, mut listed): (Vec<Holder>, Vec<Place>) = Default::default();
    for same in sightings.chunk_by(|a, b| same_document(a, b)) {
        let start = |sighting: &Sighting<'_>| {
            sighting.snippet_start + bytes(sighting, sighting.first - left, length).0
        };
        // A document with several occurrences may have kept two that now begin at the same byte.
        let different = same.chunk_by(|a, b| start(a) == start(b)).map(|equal| equal[0]);
        let room = LISTED_OCCURRENCES - listed.len();
        listed.extend(different.clone().take(room).map(|sighting| place(sighting, left, length)));
        let document = Arc::clone(&same[0].page.document);
        holders.push(Holder { document, occurrences: different.count() as u32 });
    }
    holders.shrink_to_fit();
    listed.shrink_to_fit();
    (holders, listed)
}

/// Byte range of the tokens `from..from + length` in the snippet.
fn bytes(sighting: &Sighting<'_>, from: usize, length: usize) -> (usize, usize) {
    let (first, last) = (sighting.spans[from], sighting.spans[from + length - 1]);
    (first.start as usize, last.end as usize)
}

fn place(sighting: &Sighting<'_>, left: usize, length: usize) -> Place {
    let (start, end) = bytes(sighting, sighting.first - left, length);
    let (page, snippet) = (sighting.page, sighting.snippet);
    let before = snippet.ceil_char_boundary(start.saturating_sub(SHOWN_BYTES));
    let after = snippet.floor_char_boundary((end + SHOWN_BYTES).min(snippet.len()));
    Place {
        document: Arc::clone(&page.document),
        byte_start: sighting.snippet_start + start,
        byte_end: sighting.snippet_start + end,
        before: snippet[before..start].into(),
        after: snippet[end..after].into(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::evidence::Page;
    use taster_ngrams::{Span, Tokenizer, Words};

    /// A page that holds its tokens.
    pub(crate) struct Own(Page, Vec<Span>, Vec<u64>);

    pub(crate) fn page(document: u32, text: &str) -> Own {
        let ord = DocumentOrd { unit: 0, document };
        let (row, id) = (u64::from(document), document.to_string().into());
        let page = Page {
            document: Arc::new(ReadDocument { ord, row, row_group: 0, id, axes: [].into() }),
            text: text.to_owned(),
            marks: vec![],
            uncounted: vec![],
        };
        let (mut spans, mut hashes) = (Vec::new(), Vec::new());
        Words.spans(&page.text, &mut spans);
        Words.hashes_of(&page.text, &spans, 1, &mut hashes);
        Own(page, spans, hashes)
    }

    pub(crate) fn sighting(Own(page, spans, hashes): &Own, first: usize) -> Sighting<'_> {
        Sighting { page, snippet: &page.text, snippet_start: 10, spans, hashes, first }
    }

    /// What is verified of texts in which the candidate begins at a token.
    fn verified(texts: &[(&str, usize)], order: usize) -> Option<Sequence> {
        let pages: Vec<Own> =
            texts.iter().enumerate().map(|(ord, (text, _))| page(ord as u32, text)).collect();
        let firsts = texts.iter().map(|(_, first)| *first);
        verify(
            pages.iter().zip(firsts).map(|(page, first)| sighting(page, first)).collect(),
            order,
            true,
            &mut Surroundings::default(),
        )
    }

    #[test]
    fn extends_to_the_closed_sequence() {
        let sequence = verified(&[("x a b c d y", 2), ("z a b c d", 2)], 2).unwrap();
        assert_eq!(sequence.tokens, ["a", "b", "c", "d"]);
        assert_eq!(sequence.text, "a b c d");
        let place = &sequence.listed[0];
        assert_eq!((place.byte_start, place.byte_end), (12, 19));
        assert_eq!((&*place.before, &*place.after), ("x ", " y"));
    }

    #[test]
    fn surroundings_leave_the_sequence_out() {
        let sequence = verified(&[("x y z a b p", 3), ("v a b x y z r s", 1)], 2).unwrap();
        assert_eq!(sequence.tokens, ["a", "b"]);
        // Of (x y z), (x y z), (y z r), (z r s) two are shared, each with the only other document.
        assert_eq!(sequence.company, Company { dissimilarity: 0.5, pinned: 0.5 });
    }

    #[test]
    fn collisions_are_dropped() {
        let sequence = verified(&[("a b", 0), ("c d", 0), ("a b", 0)], 2).unwrap();
        assert_eq!(sequence.documents.len(), 2);
        assert!(verified(&[], 2).is_none());
    }

    #[test]
    fn what_does_not_close_stays_as_it_is() {
        let text = page(0, "x a b c");
        let sequence = verify(vec![sighting(&text, 1)], 2, false, &mut Surroundings::default());
        let sequence = sequence.unwrap();
        assert_eq!(sequence.tokens, ["a", "b"]);
    }
}
