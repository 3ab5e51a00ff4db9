//! `NNNNNN.remove` files of datatrove: one per rank, the positions of documents in the rank's
//! stream as little-endian 32-bit numbers, ascending. One rank reads one shard, in the order of
//! `paths.txt`.
//!
//! datatrove's readers drop documents without a text before they are numbered, so positions are
//! counted over documents with at least one byte of text.

use crate::ExchangeError;

/// Name of the list of shards: rank `n` reads line `n`.
pub const PATHS: &str = "paths.txt";

/// Name of the recipe.
pub const RECIPE: &str = "remove.py";

/// Name of the removal file of a rank.
#[must_use]
pub fn name(rank: usize) -> String {
    format!("{rank:06}.remove")
}

/// Numbers the documents of one shard and notes those to be removed.
#[derive(Debug, Default)]
pub struct Removal {
    next: u64,
    bytes: Vec<u8>,
}

impl Removal {
    /// The next row of the shard, its text, and whether it is removed.
    ///
    /// # Errors
    /// More documents than 32 bits can number.
    pub fn row(&mut self, text: Option<&str>, is_removed: bool) -> Result<(), ExchangeError> {
        if text.is_none_or(str::is_empty) {
            return Ok(());
        }
        if is_removed {
            let position = u32::try_from(self.next).map_err(|_| ExchangeError::Row(self.next))?;
            self.bytes.extend_from_slice(&position.to_le_bytes());
        }
        self.next += 1;
        Ok(())
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// A pipeline that removes the documents, as a Python program; `text` is the text column.
#[must_use]
pub fn recipe(text: &str, id: Option<&str>, shards: usize) -> String {
    let quoted = |name: &str| serde_json::to_string(name).unwrap_or_default();
    let id_key = id.map(|id| format!(", id_key={}", quoted(id))).unwrap_or_default();
    let text = quoted(text);
    format!(
        r#"# Removes the documents that this folder lists. Usage: python remove.py CORPUS CLEAN
# Rank n reads line n of paths.txt and drops what 00000n.remove lists, so `tasks` must stay
# {shards} and the reader must see the shards as they were audited: same order, no limit, no skip.
import os
import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup.minhash import MinhashDedupFilter
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

if __name__ == "__main__":
    corpus, clean = sys.argv[1:3]
    lists = os.path.dirname(os.path.abspath(__file__))
    LocalPipelineExecutor(
        pipeline=[
            ParquetReader(corpus, paths_file=os.path.join(lists, "{PATHS}"), text_key={text}{id_key}),
            MinhashDedupFilter(lists),
            ParquetWriter(clean),
        ],
        tasks={shards},
    ).run()
"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn positions_skip_what_the_reader_drops() {
        let mut removal = Removal::default();
        let rows = [
            (Some("a"), false),
            (None, false),
            (Some(""), false),
            (Some("b"), true),
            (Some(" "), false),
            (Some("c"), true),
        ];
        for (text, is_removed) in rows {
            removal.row(text, is_removed).unwrap();
        }
        assert_eq!(removal.finish(), [1, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(name(7), "000007.remove");
    }

    #[test]
    fn positions_beyond_32_bits_are_refused() {
        let mut removal = Removal { next: 1 << 32, bytes: Vec::new() };
        assert_eq!(removal.row(Some("a"), true), Err(ExchangeError::Row(1 << 32)));
    }

    #[test]
    fn the_recipe_quotes_names() {
        let recipe = recipe("te\"xt", Some("doc_id"), 3);
        assert!(recipe.contains(r#"text_key="te\"xt", id_key="doc_id")"#), "{recipe}");
        assert!(recipe.contains("tasks=3,"), "{recipe}");
    }
}
