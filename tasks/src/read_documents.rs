//! Documents that the evidence wave has read, as findings name them: each held once, however many sequences stand in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taster_storage::DocumentBatch;

use crate::corpus::{Corpus, DocumentOrd};

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadDocument {
    pub ord: DocumentOrd,
    pub row: u64,
    pub row_group: u32,
    pub id: Arc<str>,
    /// Ordinal of its value on every axis.
    pub axes: Box<[Option<u32>]>,
}

impl ReadDocument {
    /// Document `index` of a batch.
    pub(crate) fn new(
        corpus: &Corpus,
        batch: &DocumentBatch,
        index: usize,
        ord: DocumentOrd,
    ) -> Self {
        let value = |axis| corpus.locality(axis, batch.axis(axis, index)?);
        Self {
            ord,
            row: batch.row(index),
            row_group: batch.row_group(index),
            id: Arc::from(&*batch.id(index)),
            axes: (0..corpus.values.len()).map(value).collect(),
        }
    }

    /// Its values on all axes.
    pub(crate) fn values<'a>(&self, corpus: &'a Corpus) -> impl Iterator<Item = Option<&'a str>> {
        let axes = self.axes.iter().zip(&corpus.values);
        axes.map(|(ordinal, values)| Some(values[(*ordinal)? as usize].as_str()))
    }
}

/// All documents that were read so far.
#[derive(Debug, Default)]
pub(crate) struct ReadDocuments(BTreeMap<DocumentOrd, Arc<ReadDocument>>);

impl ReadDocuments {
    /// The document as it is held already; `read`, which is of the same document, if it is new.
    pub(crate) fn once(&mut self, read: &Arc<ReadDocument>) -> Arc<ReadDocument> {
        Arc::clone(self.0.entry(read.ord).or_insert_with(|| Arc::clone(read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_held_once() {
        let read = |document| {
            let ord = DocumentOrd { unit: 1, document };
            Arc::new(ReadDocument { ord, row: 7, row_group: 0, id: "d".into(), axes: [].into() })
        };
        let mut all = ReadDocuments::default();
        let (first, again, other) = (all.once(&read(2)), all.once(&read(2)), all.once(&read(3)));
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(other.ord.document, 3);
    }
}
