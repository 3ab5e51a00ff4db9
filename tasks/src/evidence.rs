//! The evidence wave: re-reads the documents that candidates name and finds every occurrence,
//! token by token.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use taster_ngrams::{Fingerprinter, Span};
use taster_planning::{Digest, DigestBuilder};
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::corpus::{Counted, DocumentOrd, read_table};
use crate::count::folder as count_folder;
use crate::workspace::Workspace;

/// Tokens kept on each side of an occurrence: how far a sequence can be extended.
pub(crate) const REACH: usize = 48;
/// Occurrences of one candidate that are kept per document; the others are only counted. Beyond
/// so many, one that would allow a longer sequence can go unseen.
const PER_DOCUMENT: usize = 32;

/// A candidate to be verified.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub fingerprint: u64,
    pub order: usize,
    /// Documents that should hold it, duplicates included, ascending.
    pub documents: Vec<DocumentOrd>,
}

impl Target {
    /// Its documents in a unit.
    fn in_unit(&self, unit: u32) -> &[DocumentOrd] {
        let from = self.documents.partition_point(|ord| ord.unit < unit);
        let to = self.documents.partition_point(|ord| ord.unit <= unit);
        &self.documents[from..to]
    }
}

/// One occurrence of a target, with the text around it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sighting {
    pub document: DocumentOrd,
    pub row: u64,
    pub row_group: u32,
    pub id: String,
    pub axes: Vec<Option<String>>,
    /// The text from [`REACH`] tokens before to [`REACH`] tokens after.
    pub snippet: String,
    /// Where the snippet starts in the text, in bytes.
    pub snippet_start: usize,
    /// Tokens of the snippet, relative to it; see [`Sighting::tokenise`].
    #[serde(skip)]
    pub spans: Vec<Span>,
    /// Their hashes.
    #[serde(skip)]
    pub hashes: Vec<u64>,
    /// Index of the occurrence's first token in `spans`.
    pub first: usize,
}

impl Sighting {
    /// Cuts the snippet into its tokens again: it begins and ends with whole tokens of its text.
    /// Held for all sightings of a pass, tokens would take thrice the memory of the text.
    pub(crate) fn tokenise(&mut self, workspace: &Workspace) {
        let (tokenizer, seed) = (workspace.tokenizer, workspace.parameters.seed);
        tokenizer.spans(&self.snippet, &mut self.spans);
        tokenizer.hashes_of(&self.snippet, &self.spans, seed, &mut self.hashes);
    }

    /// The text of the tokens `from..to` of the snippet.
    pub(crate) fn tokens(&self, from: usize, to: usize) -> impl Iterator<Item = &str> {
        self.spans[from..to]
            .iter()
            .map(|span| &self.snippet[span.start as usize..span.end as usize])
    }
}

/// What was seen of the targets in one unit.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Sightings with their target, in row and text order.
    pub sightings: Vec<(usize, Sighting)>,
    /// Target, document and number of the occurrences that were only counted.
    pub uncounted: Vec<(usize, DocumentOrd, u64)>,
}

/// The documents of one unit that the targets of a pass name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub unit_ord: u32,
    pub counted: &'a Counted,
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
        let mut builder = DigestBuilder::new("taster evidence 1")
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
) -> Result<(Seen, bool), TaskError> {
    let key = format!("evidence/{}/receipt.json", errand.digest(workspace).short());
    if let Some(seen) = workspace.receipt::<Seen>(&key)? {
        return Ok((seen, true));
    }
    let seen = look(workspace, errand)?;
    workspace.commit_receipt(&key, &seen)?;
    Ok((seen, false))
}

/// Re-reads the rows of one errand and returns what was seen of its targets.
pub(crate) fn look(workspace: &Workspace, errand: &Errand<'_>) -> Result<Seen, TaskError> {
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
    Ok(looking.seen)
}

struct Looking<'a> {
    workspace: &'a Workspace,
    targets: &'a [Target],
    unit_ord: u32,
    fingerprinter: Fingerprinter,
    spans: Vec<Span>,
    hashes: Vec<u64>,
    seen: Seen,
}

/// The document being looked at.
struct Page<'a> {
    batch: &'a DocumentBatch,
    index: usize,
    ord: DocumentOrd,
    text: &'a str,
}

impl<'a> Looking<'a> {
    fn new(workspace: &'a Workspace, errand: &Errand<'a>) -> Self {
        Self {
            workspace,
            targets: errand.targets,
            unit_ord: errand.unit_ord,
            fingerprinter: Fingerprinter::default(),
            spans: Vec::new(),
            hashes: Vec::new(),
            seen: Seen::default(),
        }
    }

    fn document(&mut self, batch: &DocumentBatch, index: usize, document: u32, wanted: &[usize]) {
        let Some(text) = batch.text(index) else {
            return;
        };
        let tokenizer = self.workspace.tokenizer;
        self.spans.clear();
        tokenizer.spans(text, &mut self.spans);
        self.hashes.clear();
        let seed = self.workspace.parameters.seed;
        tokenizer.hashes_of(text, &self.spans, seed, &mut self.hashes);
        let page = Page { batch, index, ord: DocumentOrd { unit: self.unit_ord, document }, text };
        let orders: BTreeSet<usize> =
            wanted.iter().map(|&target| self.targets[target].order).collect();
        self.fingerprinter.restart();
        for order in 1..=orders.last().copied().unwrap_or(0) {
            self.fingerprinter.advance(&self.hashes);
            if orders.contains(&order) {
                self.order(&page, order, wanted);
            }
        }
    }

    fn order(&mut self, page: &Page<'_>, order: usize, wanted: &[usize]) {
        let of_order = wanted.iter().filter(|&&target| self.targets[target].order == order);
        let by_fingerprint: BTreeMap<u64, usize> =
            of_order.map(|&target| (self.targets[target].fingerprint, target)).collect();
        let filter = Filter::new(by_fingerprint.keys());
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        let positions = (self.hashes.len() + 1).saturating_sub(order);
        for at in 0..positions {
            let fingerprint = self.fingerprinter.get(at);
            if !filter.may_hold(fingerprint) {
                continue;
            }
            let Some(&target) = by_fingerprint.get(&fingerprint) else {
                continue;
            };
            let times = counts.entry(target).or_default();
            *times += 1;
            if *times <= PER_DOCUMENT {
                let sighting = self.sighting(page, at, order);
                self.seen.sightings.push((target, sighting));
            }
        }
        for (target, times) in counts {
            if times > PER_DOCUMENT {
                let more = (times - PER_DOCUMENT) as u64;
                self.seen.uncounted.push((target, page.ord, more));
            }
        }
    }

    fn sighting(&self, page: &Page<'_>, at: usize, order: usize) -> Sighting {
        let (from, to) = (at.saturating_sub(REACH), (at + order + REACH).min(self.spans.len()));
        let (start, end) = (self.spans[from].start, self.spans[to - 1].end);
        let axes = self.workspace.manifest.axes.len();
        Sighting {
            document: page.ord,
            row: page.batch.row(page.index),
            row_group: page.batch.row_group(page.index),
            id: page.batch.id(page.index).into_owned(),
            axes: (0..axes)
                .map(|axis| page.batch.axis(axis, page.index).map(str::to_owned))
                .collect(),
            snippet: page.text[start as usize..end as usize].to_owned(),
            snippet_start: start as usize,
            spans: Vec::new(),
            hashes: Vec::new(),
            first: at - from,
        }
    }
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
