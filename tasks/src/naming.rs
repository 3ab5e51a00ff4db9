//! Gives n-grams their text back: re-reads a unit and writes the rows of the table that its
//! segments name.

use std::collections::BTreeMap;

use taster_ngrams::block::{self, Entry};
use taster_ngrams::lookup::Screened;
use taster_ngrams::{Fingerprinter, Segment, Span};
use taster_planning::DigestBuilder;
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::chunks::Row;
use crate::corpus::{Corpus, Counted};
use crate::error::InObject;
use crate::ngrams_table::put_chunk;
use crate::segments::{Visitor, walk};
use crate::workspace::Workspace;

/// What a unit has to name.
pub(crate) struct Naming<'a> {
    pub counted: &'a Counted,
    /// Per run of the unit, blocks of (df, cf).
    pub wanted: &'a [Vec<Vec<u8>>],
    /// Ordinal of its first run among all runs.
    pub first_run: usize,
    pub corpus: &'a Corpus,
    /// Axis by whose localities df is split.
    pub axis: Option<usize>,
}

/// Writes one sorted chunk per segment; returns their keys and sizes.
pub(crate) fn name_unit(
    workspace: &Workspace,
    naming: &Naming<'_>,
) -> Result<Vec<(String, u64)>, TaskError> {
    let mut namer = Namer {
        workspace,
        naming,
        entries: Vec::new(),
        names: Vec::new(),
        table: Screened::default(),
        pairs: Vec::new(),
        loaded: false,
        document: 0,
        fingerprinter: Fingerprinter::default(),
        chunks: Vec::new(),
    };
    walk(
        workspace,
        &naming.counted.unit,
        Want { axes: naming.axis.is_some(), ids: false },
        &mut namer,
    )?;
    Ok(namer.chunks)
}

struct Namer<'a> {
    workspace: &'a Workspace,
    naming: &'a Naming<'a>,
    /// Wanted n-grams of the current segment.
    entries: Vec<Entry>,
    names: Vec<Option<Vec<u8>>>,
    /// From fingerprint to 1 + index in `entries`.
    table: Screened,
    /// (entry, locality) per document that holds it.
    pairs: Vec<(u32, u32)>,
    loaded: bool,
    document: u32,
    fingerprinter: Fingerprinter,
    chunks: Vec<(String, u64)>,
}

impl Namer<'_> {
    fn load(&mut self) -> Result<(), TaskError> {
        self.entries.clear();
        let blocks = self.naming.wanted.get(self.chunks.len()).map_or(&[][..], Vec::as_slice);
        for block in blocks {
            block::decode(block, |entry| self.entries.push(entry)).in_object("wanted n-grams")?;
        }
        self.table.reset(self.entries.len());
        for (index, entry) in self.entries.iter().enumerate() {
            let ordinal = index as u32 + 1;
            self.table.insert(Entry {
                fingerprint: entry.fingerprint,
                low: ordinal,
                high: ordinal,
            });
        }
        self.names.clear();
        self.names.resize(self.entries.len(), None);
        self.pairs.clear();
        self.loaded = true;
        Ok(())
    }

    /// Looks at a text with these tokens.
    fn look_up(&mut self, text: &str, (spans, hashes): (&[Span], &[u64]), locality: Option<u32>) {
        let order = usize::from(*self.workspace.orders().end());
        self.fingerprinter.restart(hashes);
        let ngrams = self.fingerprinter.of(order);
        for at in 0..(hashes.len() + 1).saturating_sub(order) {
            let found = self.table.get(ngrams.get(at));
            if found.df == 0 || !self.table.note(found.slot, self.document, false) {
                continue;
            }
            let index = found.df - 1;
            let spans = &spans[at..at + order];
            self.names[index as usize].get_or_insert_with(|| joined(text, spans));
            if let Some(locality) = locality {
                self.pairs.push((index, locality));
            }
        }
    }

    fn rows(&mut self) -> Vec<Row> {
        let named = |index: usize| self.names[index].clone();
        let mut rows: Vec<Row> = if self.naming.axis.is_none() {
            let row = |(index, entry): (usize, &Entry)| {
                let (df, cf) = (u64::from(entry.low), u64::from(entry.high));
                named(index).map(|ngram| Row { ngram, locality: 0, df, cf })
            };
            self.entries.iter().enumerate().filter_map(row).collect()
        } else {
            let mut sums: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            self.pairs.iter().for_each(|pair| *sums.entry(*pair).or_default() += 1);
            let row = |((index, locality), df): ((u32, u32), u64)| {
                named(index as usize).map(|ngram| Row { ngram, locality, df, cf: 0 })
            };
            sums.into_iter().filter_map(row).collect()
        };
        rows.sort_unstable();
        rows
    }
}

/// The n-gram's tokens joined by one blank.
fn joined(text: &str, spans: &[Span]) -> Vec<u8> {
    let tokens: Vec<&[u8]> =
        spans.iter().map(|span| &text.as_bytes()[span.start as usize..span.end as usize]).collect();
    tokens.join(&b' ')
}

impl Visitor for Namer<'_> {
    fn row(
        &mut self,
        batch: &DocumentBatch,
        index: usize,
        segment: &Segment,
    ) -> Result<(), TaskError> {
        let Some(text) = batch.text(index) else {
            return Ok(());
        };
        if !self.loaded {
            self.load()?;
        }
        let axis = self.naming.axis;
        let value = axis.and_then(|axis| Some((axis, batch.axis(axis, index)?)));
        let locality = value.and_then(|(axis, value)| self.naming.corpus.locality(axis, value));
        self.look_up(text, segment.last(), locality);
        self.document += 1;
        Ok(())
    }

    fn segment(&mut self, _: &Segment) -> Result<(), TaskError> {
        let mut bytes = Vec::new();
        self.rows().iter().for_each(|row| row.put(&mut bytes));
        let run = self.naming.first_run + self.chunks.len();
        let key = DigestBuilder::new("taster chunk 1")
            .bytes(&self.naming.corpus.digest)
            .number(run as u64);
        self.chunks.push(put_chunk(
            self.workspace,
            &format!("ngrams/{}", key.finish().short()),
            bytes,
        )?);
        (self.loaded, self.document) = (false, 0);
        Ok(())
    }
}
