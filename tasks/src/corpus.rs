//! The documents side of the screen wave: which documents are duplicates, exact or nearly, and how
//! large every locality is.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taster_findings::{AxisTotals, CorpusTotals, NearlySame};
use taster_ngrams::object::Kind;
use taster_planning::{Digest, DigestBuilder, Unit};

use crate::TaskError;
use crate::count::CountReceipt;
use crate::documents::DocumentsTable;
use crate::near::NearDuplicates;
use crate::resemblance::Resemblance;
use crate::sketches::Sketches;
use crate::workspace::Workspace;

/// A document: index of its unit among the counted units, and its place in the unit's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct DocumentOrd {
    pub unit: u32,
    pub document: u32,
}

/// A unit that was counted and whose shard is not quarantined.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub unit: Unit,
    pub receipt: CountReceipt,
}

/// What is known of all documents together.
#[derive(Debug, Default)]
pub(crate) struct Corpus {
    /// Canonical documents in all, and per locality of every axis.
    pub totals: CorpusTotals,
    /// Values of every axis, sorted; a locality ordinal is an index.
    pub values: Vec<Vec<String>>,
    /// Documents per axis and locality, duplicates included.
    pub documents_by_locality: Vec<Vec<u64>>,
    /// Per unit and document, whether it is the first of its duplicates.
    pub canonical: Vec<Vec<bool>>,
    /// The other documents with the same content, per canonical document that has any.
    pub duplicates: BTreeMap<DocumentOrd, Vec<DocumentOrd>>,
    /// Canonical documents that are nearly the same.
    pub near: NearDuplicates,
    /// The largest of their clusters, and where most of them are.
    pub resemblance: Resemblance,
    /// Tokens of all documents.
    pub tokens: u64,
    /// Digest of all that the count wave found.
    pub digest: [u8; 32],
    /// Key of every unit's shard.
    shards: Vec<Arc<str>>,
    /// Per shard key, BLAKE3 over the digests of its texts in row order.
    pub shard_digests: BTreeMap<String, Digest>,
}

impl Corpus {
    /// Whether a document is the first of its duplicates.
    pub(crate) fn is_canonical(&self, ord: DocumentOrd) -> bool {
        self.canonical[ord.unit as usize][ord.document as usize]
    }

    /// Key of the shard that holds a document.
    pub(crate) fn shard_of(&self, ord: DocumentOrd) -> &Arc<str> {
        &self.shards[ord.unit as usize]
    }

    /// The documents and all their duplicates, ascending.
    pub(crate) fn with_duplicates(&self, canonical: &[DocumentOrd]) -> Vec<DocumentOrd> {
        let copies = canonical.iter().filter_map(|ord| self.duplicates.get(ord)).flatten();
        let mut all: Vec<DocumentOrd> = canonical.iter().chain(copies).copied().collect();
        all.sort_unstable();
        all
    }

    /// Ordinal of a value on an axis.
    pub(crate) fn locality(&self, axis: usize, value: &str) -> Option<u32> {
        let found = self.values[axis].binary_search_by(|known| known.as_str().cmp(value));
        found.ok().map(|ordinal| ordinal as u32)
    }

    /// Merges the documents tables of all counted units.
    ///
    /// Memory: about 240 bytes per document, 100 of them afterwards, and the distinct values of every axis.
    pub(crate) fn merge(workspace: &Workspace, counted: &[Counted]) -> Result<Self, TaskError> {
        let tables = counted.iter().map(|unit| read_table(workspace, &unit.receipt));
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        let mut corpus = Self {
            tokens: counted.iter().map(|unit| unit.receipt.tokens()).sum(),
            ..Self::default()
        };
        let key = |unit: &Counted| {
            Arc::from(workspace.manifest.shards[unit.unit.shard_ord as usize].key.as_str())
        };
        corpus.shards = counted.iter().map(key).collect();
        corpus.find_duplicates(&tables);
        corpus.find_near_duplicates(workspace, counted)?;
        corpus.measure_localities(workspace, &tables);
        corpus.resemblance = Resemblance::measure(&corpus, &tables);
        corpus.digest_shards(workspace, counted, &tables);
        let digests = counted.iter().map(|unit| unit.receipt.digest());
        let digest =
            digests.fold(DigestBuilder::new("taster corpus 1"), |b, digest| b.digest(&digest));
        corpus.digest = digest.finish().0;
        Ok(corpus)
    }

    fn find_duplicates(&mut self, tables: &[DocumentsTable]) {
        let documents = tables.iter().map(|table| table.rows.len()).sum();
        // Asked for what it holds, never for its order.
        let mut first: HashMap<[u8; 32], DocumentOrd> = HashMap::with_capacity(documents);
        for (unit, table) in tables.iter().enumerate() {
            let mut canonical = Vec::with_capacity(table.rows.len());
            for (document, digest) in table.digests.iter().enumerate() {
                let here = DocumentOrd { unit: unit as u32, document: document as u32 };
                let original = *first.entry(*digest).or_insert(here);
                canonical.push(original == here);
                if original != here {
                    self.duplicates.entry(original).or_default().push(here);
                }
            }
            self.canonical.push(canonical);
        }
        self.totals.documents = documents as u64;
        self.totals.canonical = first.len() as u64;
    }

    fn find_near_duplicates(
        &mut self,
        workspace: &Workspace,
        counted: &[Counted],
    ) -> Result<(), TaskError> {
        let sketches = counted.iter().map(|unit| Sketches::read(workspace, &unit.receipt));
        let sketches: Vec<Sketches> = sketches.collect::<Result<_, _>>()?;
        for ((unit, own), rows) in counted.iter().zip(&sketches).zip(&self.canonical) {
            own.check(rows.len(), &unit.receipt)?;
        }
        self.near = NearDuplicates::find(&sketches, &self.canonical);
        Ok(())
    }

    /// How many of these documents count: of exact duplicates one, of near-duplicates as
    /// [`NearDuplicates::effective`] says.
    pub(crate) fn effective(&self, documents: &[DocumentOrd]) -> usize {
        self.near.effective(documents.iter().copied().filter(|&ord| self.is_canonical(ord)))
    }

    /// Those of these documents that are nearly the same, if most are; of exact duplicates one counts.
    pub(crate) fn nearly_same(&self, documents: &[DocumentOrd]) -> Option<NearlySame> {
        self.near.majority(documents.iter().copied().filter(|&ord| self.is_canonical(ord)))
    }

    fn measure_localities(&mut self, workspace: &Workspace, tables: &[DocumentsTable]) {
        for (axis, name) in workspace.manifest.axes.iter().enumerate() {
            let mut sizes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
            for (table, canonical) in tables.iter().zip(&self.canonical) {
                let column = &table.axes[axis];
                for (value, own) in column.values.iter().zip(column.sizes(canonical)) {
                    let size = sizes.entry(value).or_default();
                    *size = (size.0 + own.0, size.1 + own.1);
                }
            }
            let localities: Vec<u64> = sizes.values().map(|size| size.0).collect();
            self.documents_by_locality.push(sizes.values().map(|size| size.1).collect());
            let with_value = localities.iter().sum();
            let is_label = workspace.parameters.label_column.as_ref() == Some(name);
            let name = name.clone();
            self.totals.axes.push(AxisTotals { name, is_label, with_value, localities });
            self.values.push(sizes.into_keys().map(str::to_owned).collect());
        }
    }

    /// A row without text counts as one zero byte, a text as a one and its BLAKE3.
    fn digest_shards(
        &mut self,
        workspace: &Workspace,
        counted: &[Counted],
        tables: &[DocumentsTable],
    ) {
        let mut hashers: BTreeMap<&str, blake3::Hasher> = BTreeMap::new();
        for (unit, table) in counted.iter().zip(tables) {
            let key = workspace.manifest.shards[unit.unit.shard_ord as usize].key.as_str();
            let hasher = hashers.entry(key).or_default();
            let mut next = unit.unit.first_row;
            for (row, digest) in table.rows.iter().zip(&table.digests) {
                for _ in next..*row {
                    hasher.update(&[0]);
                }
                hasher.update(&[1]).update(digest);
                next = row + 1;
            }
            let end = unit.unit.first_row + unit.receipt.rows;
            for _ in next..end {
                hasher.update(&[0]);
            }
        }
        let finished = hashers
            .into_iter()
            .map(|(key, hasher)| (key.to_owned(), Digest(*hasher.finalize().as_bytes())));
        self.shard_digests = finished.collect();
    }
}

/// The documents table of a counted unit.
pub(crate) fn read_table(
    workspace: &Workspace,
    receipt: &CountReceipt,
) -> Result<DocumentsTable, TaskError> {
    let Some(output) = &receipt.documents else {
        return Ok(DocumentsTable::default());
    };
    let opened = workspace.open(&output.key, Kind::Documents, 1, output.bytes)?;
    DocumentsTable::decode(&workspace.slices(&opened, 0, 1)?, &output.key)
}
