//! Cutting a manifest into units: the smallest pieces of work.

use serde::{Deserialize, Serialize};

use crate::{Digest, DigestBuilder, Manifest, ShardEntry};

/// A range of row groups of one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Index of the shard in [`Manifest::shards`].
    pub shard_ord: u32,
    /// First row group.
    pub row_group_start: u32,
    /// One past the last row group.
    pub row_group_end: u32,
    /// Row of the shard at which the first row group starts.
    pub first_row: u64,
    /// Rows of all its row groups.
    pub rows: u64,
    /// Uncompressed text bytes, as the footer claims.
    pub text_bytes: u64,
}

impl Unit {
    /// What the unit reads, as a digest: the shard's version and columns, and the row groups.
    /// It does not name the shard's place in the manifest, so a grown corpus keeps its units.
    #[must_use]
    pub fn identity(&self, shard: &ShardEntry) -> Digest {
        let columns = serde_json::to_vec(&shard.columns).unwrap_or_default();
        DigestBuilder::new("taster unit 1")
            .text(&shard.key)
            .number(shard.size)
            .text(shard.etag.as_deref().unwrap_or(""))
            .bytes(&columns)
            .number(u64::from(self.row_group_start))
            .number(u64::from(self.row_group_end))
            .finish()
    }
}

/// Cuts every readable shard into units of at most `unit_bytes` uncompressed text bytes each;
/// a single row group that is larger is a unit by itself. Units come in shard and row order and
/// cover every row group exactly once. A shard without row groups has no unit.
///
/// Cost: linear in the number of row groups.
#[must_use]
pub fn partition(manifest: &Manifest, unit_bytes: u64) -> Vec<Unit> {
    let shards = manifest.shards.iter().enumerate();
    shards.flat_map(|(ord, shard)| shard_units(ord as u32, shard, unit_bytes)).collect()
}

fn shard_units(shard_ord: u32, shard: &ShardEntry, unit_bytes: u64) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut first_row = 0;
    for (index, group) in shard.row_groups.iter().enumerate() {
        let index = index as u32;
        match units.last_mut() {
            Some(unit) if unit.text_bytes.saturating_add(group.text_bytes) <= unit_bytes => {
                unit.row_group_end = index + 1;
                unit.rows += group.rows;
                unit.text_bytes += group.text_bytes;
            }
            _ => units.push(Unit {
                shard_ord,
                row_group_start: index,
                row_group_end: index + 1,
                first_row,
                rows: group.rows,
                text_bytes: group.text_bytes,
            }),
        }
        first_row += group.rows;
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RowGroupEntry;

    fn shard(groups: &[u64]) -> ShardEntry {
        let group = |&text_bytes: &u64| RowGroupEntry { rows: 10, text_bytes, compressed_bytes: 1 };
        ShardEntry {
            key: "a.parquet".into(),
            size: 1,
            etag: None,
            rows: 10 * groups.len() as u64,
            row_groups: groups.iter().map(group).collect(),
            columns: None,
            quarantine: None,
        }
    }

    #[test]
    fn row_groups_are_covered_once_and_in_order() {
        let manifest = Manifest {
            axes: vec![],
            shards: vec![shard(&[5, 5, 20, 1, 1]), shard(&[]), shard(&[3])],
        };
        let units = partition(&manifest, 10);
        let ranges: Vec<_> = units
            .iter()
            .map(|u| (u.shard_ord, u.row_group_start, u.row_group_end, u.first_row))
            .collect();
        assert_eq!(ranges, [(0, 0, 2, 0), (0, 2, 3, 20), (0, 3, 5, 30), (2, 0, 1, 0)]);
        assert_eq!(units.iter().map(|u| u.rows).sum::<u64>(), manifest.rows());
    }

    #[test]
    fn identity_follows_the_object_and_not_its_place() {
        let mut other = shard(&[5]);
        let unit = Unit {
            shard_ord: 0,
            row_group_start: 0,
            row_group_end: 1,
            first_row: 0,
            rows: 10,
            text_bytes: 5,
        };
        let moved = Unit { shard_ord: 7, ..unit.clone() };
        assert_eq!(unit.identity(&other), moved.identity(&other));
        let before = unit.identity(&other);
        other.etag = Some("new".into());
        assert_ne!(before, unit.identity(&other));
    }
}
