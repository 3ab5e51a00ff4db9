//! The evidence wave: re-reads the documents that candidates name and finds every occurrence,
//! token by token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taster_ngrams::{Fingerprinter, Span};
use taster_planning::{Digest, DigestBuilder};
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::corpus::{Corpus, Counted, DocumentOrd, read_table};
use crate::count::folder as count_folder;
use crate::read_documents::ReadDocument;
use crate::workspace::Workspace;

/// Tokens kept on each side of an occurrence: how far a sequence can be extended.
pub(crate) const REACH: usize = 48;
/// Occurrences of one candidate that are kept per document; the others are only counted. Beyond
/// so many, one that would allow a longer sequence can go unseen.
pub(crate) const PER_DOCUMENT: usize = 32;

/// A candidate to be verified.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub fingerprint: u64,
    pub order: usize,
    /// Documents that should hold it, duplicates included, ascending.
    pub documents: Vec<DocumentOrd>,
    /// Whether it is extended to what all its documents share around it.
    pub closes: bool,
}

impl Target {
    /// Its documents in a unit.
    fn in_unit(&self, unit: u32) -> &[DocumentOrd] {
        let from = self.documents.partition_point(|ord| ord.unit < unit);
        let to = self.documents.partition_point(|ord| ord.unit <= unit);
        &self.documents[from..to]
    }
}

/// What was seen of the targets in one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Page {
    pub document: Arc<ReadDocument>,
    /// The text around all occurrences, each part of it once.
    pub text: String,
    /// In text order for each target.
    pub marks: Vec<Mark>,
    /// Targets with more occurrences than are marked, and how many more.
    pub uncounted: Vec<(usize, u64)>,
}

/// One occurrence of a target in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub target: u32,
    /// Index of the occurrence's first token among those of its snippet.
    pub first: u32,
    /// Where its snippet starts in the document, in bytes.
    pub start: u32,
    /// Where its snippet is in the text of the page: from [`REACH`] tokens before the occurrence to
    /// [`REACH`] tokens after.
    pub from: u32,
    pub to: u32,
}

impl Page {
    /// The text around an occurrence.
    pub(crate) fn snippet(&self, mark: Mark) -> &str {
        &self.text[mark.from as usize..mark.to as usize]
    }
}

/// The documents of one unit that the targets of a pass name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub unit_ord: u32,
    pub counted: &'a Counted,
    pub corpus: &'a Corpus,
    pub targets: &'a [Target],
}

impl Errand<'_> {
    /// Documents of the unit, each with the targets that name it.
    fn documents(&self) -> BTreeMap<u32, Vec<usize>> {
        let mut documents: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (index, target) in self.targets.iter().enumerate() {
            for ord in target.in_unit(self.unit_ord) {
                documents.entry(ord.document).or_default().push(index);
            }
        }
        documents
    }

    /// What an errand's result depends on.
    fn digest(&self, workspace: &Workspace) -> Digest {
        let mut builder = DigestBuilder::new("taster evidence 4")
            .text(&count_folder(workspace, &self.counted.unit))
            .number(u64::from(self.unit_ord));
        for (index, target) in self.targets.iter().enumerate() {
            let documents = target.in_unit(self.unit_ord);
            if documents.is_empty() {
                continue;
            }
            builder = builder.number(index as u64).number(target.fingerprint);
            builder = builder.number(target.order as u64).number(documents.len() as u64);
            for ord in documents {
                builder = builder.number(u64::from(ord.document));
            }
        }
        builder.finish()
    }
}

/// Runs one errand and commits what was seen, or finds it committed. The second value says which.
pub(crate) fn looked(
    workspace: &Workspace,
    errand: &Errand<'_>,
) -> Result<(Vec<Page>, bool), TaskError> {
    let key = format!("evidence/{}/receipt.json", errand.digest(workspace).short());
    if let Some(seen) = workspace.receipt::<Vec<Page>>(&key)? {
        return Ok((seen, true));
    }
    let seen = look(workspace, errand)?;
    workspace.commit_receipt(&key, &seen)?;
    Ok((seen, false))
}

/// Re-reads the rows of one errand and returns what was seen of its targets.
pub(crate) fn look(workspace: &Workspace, errand: &Errand<'_>) -> Result<Vec<Page>, TaskError> {
    let unit = &errand.counted.unit;
    let shard = &workspace.manifest.shards[unit.shard_ord as usize];
    let table = read_table(workspace, &errand.counted.receipt)?;
    let row = |(document, targets): (u32, Vec<usize>)| {
        (table.rows[document as usize], (document, targets))
    };
    let wanted: BTreeMap<u64, (u32, Vec<usize>)> =
        errand.documents().into_iter().map(row).collect();
    let rows: Vec<u64> = wanted.keys().copied().collect();
    let want = Want { axes: true, ids: true };
    let limits = &workspace.parameters.limits;
    let mut stream = workspace.sources.rows(unit.shard_ord, shard, &rows, want, limits)?;
    let mut looking = Looking::new(workspace, errand);
    while let Some(batch) = stream.next_batch()? {
        workspace.proceed()?;
        for index in 0..batch.len() {
            if let Some((document, wanted)) = wanted.get(&batch.row(index)) {
                looking.document(&batch, index, *document, wanted);
            }
        }
    }
    Ok(looking.pages)
}

struct Looking<'a> {
    workspace: &'a Workspace,
    corpus: &'a Corpus,
    targets: &'a [Target],
    unit_ord: u32,
    fingerprinter: Fingerprinter,
    spans: Vec<Span>,
    hashes: Vec<u64>,
    /// Fingerprints of one order.
    ngrams: Vec<u64>,
    occurrences: Vec<Occurrence>,
    uncounted: Vec<(usize, u64)>,
    pages: Vec<Page>,
}

/// Where a target stands in the document, in tokens.
#[derive(Clone, Copy)]
struct Occurrence {
    target: usize,
    at: usize,
    /// The tokens of its snippet.
    from: usize,
    to: usize,
}

impl<'a> Looking<'a> {
    fn new(workspace: &'a Workspace, errand: &Errand<'a>) -> Self {
        Self {
            workspace,
            corpus: errand.corpus,
            targets: errand.targets,
            unit_ord: errand.unit_ord,
            fingerprinter: Fingerprinter::default(),
            spans: Vec::new(),
            hashes: Vec::new(),
            ngrams: Vec::new(),
            occurrences: Vec::new(),
            uncounted: Vec::new(),
            pages: Vec::new(),
        }
    }

    fn document(&mut self, batch: &DocumentBatch, index: usize, document: u32, wanted: &[usize]) {
        let Some(text) = batch.text(index) else {
            return;
        };
        self.cut(text);
        self.find(wanted);
        if self.occurrences.is_empty() {
            return;
        }
        let (text, marks) = snippets(text, &self.spans, &mut self.occurrences);
        let ord = DocumentOrd { unit: self.unit_ord, document };
        self.pages.push(Page {
            document: Arc::new(ReadDocument::new(self.corpus, batch, index, ord)),
            text,
            marks,
            uncounted: std::mem::take(&mut self.uncounted),
        });
    }

    fn cut(&mut self, text: &str) {
        let (tokenizer, seed) = (self.workspace.tokenizer, self.workspace.parameters.seed);
        self.spans.clear();
        tokenizer.spans(text, &mut self.spans);
        self.hashes.clear();
        tokenizer.hashes_of(text, &self.spans, seed, &mut self.hashes);
    }

    /// Finds all occurrences in the current document.
    fn find(&mut self, wanted: &[usize]) {
        self.occurrences.clear();
        let orders: BTreeSet<usize> =
            wanted.iter().map(|&target| self.targets[target].order).collect();
        self.fingerprinter.restart(&self.hashes);
        orders.into_iter().for_each(|order| self.find_order(order, wanted));
    }

    fn find_order(&mut self, order: usize, wanted: &[usize]) {
        // The targets of each fingerprint: what is extended can be several times the same.
        let mut known: BTreeMap<u64, (Vec<usize>, usize)> = BTreeMap::new();
        for &target in wanted.iter().filter(|&&target| self.targets[target].order == order) {
            known.entry(self.targets[target].fingerprint).or_default().0.push(target);
        }
        let tokens = self.hashes.len();
        let positions = 0..(tokens + 1).saturating_sub(order);
        self.ngrams.clear();
        self.fingerprinter.of(order).append(positions, &mut self.ngrams);
        mark(&self.ngrams, &mut known, |target, at| {
            let (from, to) = (at.saturating_sub(REACH), (at + order + REACH).min(tokens));
            self.occurrences.push(Occurrence { target, at, from, to });
        });
        for (targets, times) in known.into_values().filter(|(_, times)| *times > PER_DOCUMENT) {
            let more = (times - PER_DOCUMENT) as u64;
            self.uncounted.extend(targets.into_iter().map(|target| (target, more)));
        }
    }
}

/// Counts the `known` ones among the n-grams of a document, and passes on the targets and the places of the first of them.
fn mark(
    ngrams: &[u64],
    known: &mut BTreeMap<u64, (Vec<usize>, usize)>,
    mut put: impl FnMut(usize, usize),
) {
    let filter = Filter::new(known.keys());
    for (at, &fingerprint) in ngrams.iter().enumerate() {
        if !filter.may_hold(fingerprint) {
            continue;
        }
        let Some((targets, times)) = known.get_mut(&fingerprint) else {
            continue;
        };
        *times += 1;
        if *times <= PER_DOCUMENT {
            targets.iter().for_each(|&target| put(target, at));
        }
    }
}

/// The text around the occurrences, where snippets that touch share theirs, and the marks in it.
fn snippets(text: &str, spans: &[Span], occurrences: &mut [Occurrence]) -> (String, Vec<Mark>) {
    // The sort is stable: those of a target, which are of one length, stay in text order.
    occurrences.sort_by_key(|occurrence| occurrence.from);
    let (mut kept, mut marks) = (String::new(), Vec::with_capacity(occurrences.len()));
    // Where what was kept last ends in the document.
    let mut end = 0;
    for &mut Occurrence { target, at, from, to } in occurrences {
        let (start, stop) = (spans[from].start, spans[to - 1].end);
        end = end.max(start);
        if stop > end {
            kept.push_str(&text[end as usize..stop as usize]);
            end = stop;
        }
        let place = |byte: u32| kept.len() as u32 - (end - byte);
        let (target, first) = (target as u32, (at - from) as u32);
        marks.push(Mark { target, first, start, from: place(start), to: place(stop) });
    }
    (kept, marks)
}

/// Sixty-four bits per sixty-four possible top bits: spares the ordered map most look-ups.
struct Filter([u64; 64]);

impl Filter {
    fn new<'a>(fingerprints: impl Iterator<Item = &'a u64>) -> Self {
        let mut bits = [0; 64];
        for fingerprint in fingerprints {
            bits[(fingerprint >> 58) as usize] |= 1 << (fingerprint >> 52 & 63);
        }
        Self(bits)
    }

    fn may_hold(&self, fingerprint: u64) -> bool {
        self.0[(fingerprint >> 58) as usize] >> (fingerprint >> 52 & 63) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use taster_ngrams::{Tokenizer, Words};

    #[test]
    fn targets_of_one_sequence_are_all_marked_and_counted() {
        let (most, mut marks) = (PER_DOCUMENT as u64, Vec::new());
        let ngrams: Vec<u64> = (0..2 * most + 10).map(|at| at % 2 * 7).collect();
        let mut known = BTreeMap::from([(7, (vec![3, 5], 0)), (8, (vec![4], 0))]);
        mark(&ngrams, &mut known, |target, at| marks.push((at, target)));
        let expected =
            (0..PER_DOCUMENT).flat_map(|time| [3, 5].map(|target| (2 * time + 1, target)));
        assert_eq!(marks, expected.collect::<Vec<_>>());
        assert_eq!(known[&7].1, PER_DOCUMENT + 5);
        assert_eq!(known[&8].1, 0);
    }

    proptest! {
        #[test]
        fn a_page_keeps_every_snippet_once(text in "([a-c] |é-|世){1,300}", places in prop::collection::vec((0usize..300, 0usize..4), 0..20)) {
            let mut spans = Vec::new();
            Words.spans(&text, &mut spans);
            let mut occurrences: Vec<Occurrence> = places.iter().map(|&(at, target)| {
                let (at, order) = (at % spans.len(), target + 1);
                let to = (at + order + REACH).min(spans.len());
                Occurrence { target, at, from: at.saturating_sub(REACH), to }
            }).collect();
            let (kept, marks) = snippets(&text, &spans, &mut occurrences);
            prop_assert!(kept.len() <= text.len());
            prop_assert_eq!(marks.len(), places.len());
            for (mark, occurrence) in marks.iter().zip(&occurrences) {
                let (start, stop) = (spans[occurrence.from].start, spans[occurrence.to - 1].end);
                let snippet = &kept[mark.from as usize..mark.to as usize];
                prop_assert_eq!(snippet, &text[start as usize..stop as usize]);
                prop_assert_eq!((mark.start, mark.target as usize), (start, occurrence.target));
                prop_assert_eq!(occurrence.from + mark.first as usize, occurrence.at);
            }
        }
    }
}
