//! Documents as they are handed out.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryViewArray, RecordBatch};

use crate::layout::{Axis, Layout};
use crate::values::{self, Texts, char_floor};

/// Some consecutive or selected documents of one row group.
#[derive(Debug)]
pub struct DocumentBatch {
    key: Arc<str>,
    row_group: u32,
    rows: Rows,
    texts: BinaryViewArray,
    /// Documents with bytes that are not UTF-8, repaired.
    repaired: BTreeMap<usize, String>,
    /// Documents with another text than the stored one.
    replaced: BTreeMap<usize, String>,
    document_bytes: usize,
    axes: Vec<AxisValues>,
    ids: Option<Texts>,
}

/// Rows of the shard that the documents of a batch are.
#[derive(Debug)]
pub(crate) enum Rows {
    /// All rows from this one on.
    From(u64),
    /// Just these.
    Listed(Vec<u64>),
}

#[derive(Debug)]
enum AxisValues {
    Key,
    Absent,
    Values(Texts),
}

impl DocumentBatch {
    /// Takes over what was decoded. `None` if the text column is not what the layout says.
    pub(crate) fn new(
        key: &Arc<str>,
        row_group: u32,
        rows: Rows,
        layout: &Layout,
        decoded: &RecordBatch,
        document_bytes: u64,
    ) -> Option<Self> {
        let texts = decoded.columns().get(layout.text)?.as_binary_view_opt()?;
        let ids = layout.id.map(|id| values::texts(decoded, &layout.columns, id, owned));
        let axes = layout.axes.iter();
        let axes = axes.map(|axis| AxisValues::new(*axis, layout, decoded)).collect();
        let mut batch = Self {
            key: Arc::clone(key),
            row_group,
            rows,
            texts: texts.clone(),
            repaired: BTreeMap::new(),
            replaced: BTreeMap::new(),
            document_bytes: usize::try_from(document_bytes).unwrap_or(usize::MAX),
            axes,
            ids,
        };
        batch.repair();
        Some(batch)
    }

    fn repair(&mut self) {
        for index in 0..self.len() {
            if let Some(bytes) = self.cut(index)
                && simdutf8::basic::from_utf8(bytes).is_err()
            {
                // A replacement may be longer than what it replaces.
                let mut text = String::from_utf8_lossy(bytes).into_owned();
                text.truncate(char_floor(text.as_bytes(), self.document_bytes));
                self.repaired.insert(index, text);
            }
        }
    }

    /// Documents in the batch, nulls included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no document.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Key of the shard.
    #[must_use]
    pub fn shard(&self) -> &str {
        &self.key
    }

    /// Row of document `index` in the shard, from 0.
    #[must_use]
    pub fn row(&self, index: usize) -> u64 {
        match &self.rows {
            Rows::From(first) => first + index as u64,
            Rows::Listed(rows) => rows.get(index).copied().unwrap_or(u64::MAX),
        }
    }

    /// Row group of document `index`.
    #[must_use]
    pub fn row_group(&self, _index: usize) -> u32 {
        self.row_group
    }

    /// The text of document `index`: cut to the limit at a character border, with U+FFFD for
    /// what is not UTF-8. `None` is null.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&str> {
        if let Some(text) = self.replaced.get(&index).or_else(|| self.repaired.get(&index)) {
            return Some(text);
        }
        // Checking again takes a few per cent of the time to decode, and needs no `unsafe`.
        simdutf8::basic::from_utf8(self.cut(index)?).ok()
    }

    /// Puts another text in the place of that of document `index`.
    pub(crate) fn replace(&mut self, index: usize, text: String) {
        self.replaced.insert(index, text);
    }

    /// The bytes of document `index` within the limit.
    fn cut(&self, index: usize) -> Option<&[u8]> {
        let bytes = self.bytes(index)?;
        bytes.get(..char_floor(bytes, self.document_bytes))
    }

    fn bytes(&self, index: usize) -> Option<&[u8]> {
        (index < self.len() && !self.texts.is_null(index)).then(|| self.texts.value(index))
    }

    /// Whether document `index` is longer than the limit and was cut.
    #[must_use]
    pub fn truncated(&self, index: usize) -> bool {
        self.bytes(index).is_some_and(|bytes| bytes.len() > self.document_bytes)
    }

    /// Whether document `index` has bytes within the limit that are not UTF-8.
    #[must_use]
    pub fn invalid_utf8(&self, index: usize) -> bool {
        self.repaired.contains_key(&index)
    }

    /// The locality of document `index` on axis `axis` of the manifest, or `None` if it has
    /// none or axes were not asked for. At most 4096 bytes.
    #[must_use]
    pub fn axis(&self, axis: usize, index: usize) -> Option<&str> {
        match self.axes.get(axis)? {
            AxisValues::Key => Some(&self.key),
            AxisValues::Absent => None,
            AxisValues::Values(texts) => texts.get(index),
        }
    }

    /// The id of document `index`: the id column's value, at most 4096 bytes of it, or
    /// `key#row` where there is none or ids were not asked for.
    #[must_use]
    pub fn id(&self, index: usize) -> Cow<'_, str> {
        let own = self.ids.as_ref().and_then(|ids| ids.get(index));
        match own {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(format!("{}#{}", self.key, self.row(index))),
        }
    }

    /// Bytes of all texts before any is cut.
    pub(crate) fn decoded_bytes(&self) -> u64 {
        let lengths = (0..self.len()).filter_map(|index| self.bytes(index));
        lengths.map(|bytes| bytes.len() as u64).sum()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one of several ways to rewrite a value")]
fn owned(value: &str) -> Option<String> {
    Some(value.to_owned())
}

impl AxisValues {
    fn new(axis: Axis, layout: &Layout, decoded: &RecordBatch) -> Self {
        let columns = &layout.columns;
        let texts = match axis {
            Axis::Key => return Self::Key,
            Axis::Absent => return Self::Absent,
            Axis::Column(column) => values::texts(decoded, columns, column, owned),
            Axis::Day(column) => {
                values::texts(decoded, columns, column, |value| Some(values::cut_to_day(value)))
            }
            Axis::Host(column) => values::texts(decoded, columns, column, values::host),
        };
        Self::Values(texts)
    }
}
