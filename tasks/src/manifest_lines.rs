//! `manifest.jsonl`: what became of every shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taster_planning::{Manifest, Quarantine};

use crate::corpus::{Corpus, Counted};

/// One line of `manifest.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardLine {
    /// Key relative to the input root.
    pub key: String,
    /// Object size in bytes.
    pub size: u64,
    /// Rows according to the footer.
    pub rows: u64,
    /// Row groups according to the footer.
    pub row_groups: u64,
    /// Bytes of text that were read; 0 for a quarantined shard.
    pub text_bytes: u64,
    /// Rows without a text.
    pub nulls: u64,
    /// Documents that were cut at the limit.
    pub truncated: u64,
    /// Documents with bytes that are not UTF-8.
    pub invalid_utf8: u64,
    /// BLAKE3 over the rows in order: a zero byte for a row without text, else a one and the
    /// BLAKE3 of the text. `None` for a quarantined shard.
    pub blake3: Option<String>,
    /// `done` or `quarantined`.
    pub status: String,
}

/// The lines of all shards, in manifest order.
pub(crate) fn shard_lines(
    manifest: &Manifest,
    counted: &[Counted],
    corpus: &Corpus,
    quarantine: &[Quarantine],
) -> Vec<ShardLine> {
    let mut by_shard: BTreeMap<u32, Vec<&Counted>> = BTreeMap::new();
    for counted in counted {
        by_shard.entry(counted.unit.shard_ord).or_default().push(counted);
    }
    let line = |(ord, shard): (usize, &taster_planning::ShardEntry)| {
        let units = by_shard.get(&(ord as u32)).map_or(&[][..], Vec::as_slice);
        let sum = |value: fn(&Counted) -> u64| units.iter().map(|counted| value(counted)).sum();
        let bad = quarantine.iter().any(|quarantine| quarantine.shard == shard.key);
        let empty = || taster_planning::Digest::of(b"").to_string();
        let digest = corpus.shard_digests.get(&shard.key).map(ToString::to_string);
        ShardLine {
            key: shard.key.clone(),
            size: shard.size,
            rows: shard.rows,
            row_groups: shard.row_groups.len() as u64,
            text_bytes: sum(|counted| counted.receipt.text_bytes),
            nulls: sum(|counted| counted.receipt.nulls),
            truncated: sum(|counted| counted.receipt.truncated),
            invalid_utf8: sum(|counted| counted.receipt.invalid_utf8),
            blake3: (!bad).then(|| digest.unwrap_or_else(empty)),
            status: if bad { "quarantined" } else { "done" }.to_owned(),
        }
    };
    manifest.shards.iter().enumerate().map(line).collect()
}
