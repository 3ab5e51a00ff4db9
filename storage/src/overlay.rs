//! Other texts in place of stored ones, while documents are read.

use std::ops::Range;

use crate::DocumentBatch;

/// Documents of a corpus that are read with another text than the one that is stored. Nothing is written.
///
/// Pure: the same documents get the same texts whenever they are read.
pub trait Overlay: Send + Sync {
    /// What the texts of these rows of a shard depend on besides what is stored; `None` if all are read as they are.
    fn identity(&self, shard: &str, rows: Range<u64>) -> Option<[u8; 32]>;

    /// The text of a row in place of the stored one; `None` leaves it. Asked for rows that have a text.
    fn text(&self, shard: &str, row: u64, stored: &str) -> Option<String>;
}

/// Puts the texts of an overlay over those of a batch.
pub(crate) fn lay(overlay: &dyn Overlay, batch: &mut DocumentBatch) {
    for index in 0..batch.len() {
        let row = batch.row(index);
        let other = batch.text(index).and_then(|text| overlay.text(batch.shard(), row, text));
        if let Some(text) = other {
            batch.replace(index, text);
        }
    }
}
