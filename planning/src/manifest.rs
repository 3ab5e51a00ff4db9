//! The frozen list of what is audited.

use serde::{Deserialize, Serialize};

/// Everything an audit reads, fixed before the first document is counted. Shards are sorted by
/// key (bytes), and all ordinals (`shard_ord`) index this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Names of the locality axes of this audit, in the order of their ordinals. `shard` is always first.
    pub axes: Vec<String>,
    /// The shards, sorted by `key`.
    pub shards: Vec<ShardEntry>,
}

/// One Parquet object as it was when the manifest was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardEntry {
    /// Key relative to the input root, `/`-separated; unique in the manifest.
    pub key: String,
    /// Object size in bytes.
    pub size: u64,
    /// The store's entity tag, if it gives one. Pins every later read to this version.
    pub etag: Option<String>,
    /// Rows according to the footer; 0 for a quarantined shard.
    pub rows: u64,
    /// Row groups in file order; empty for a quarantined shard.
    pub row_groups: Vec<RowGroupEntry>,
    /// How the columns of this shard are read; `None` for a quarantined shard.
    pub columns: Option<ShardColumns>,
    /// Why the shard could not be planned; `None` if it can be read.
    pub quarantine: Option<Quarantine>,
}

/// What the footer says of one row group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowGroupEntry {
    /// Rows in the group.
    pub rows: u64,
    /// Uncompressed bytes of the text column chunk, as the footer claims.
    pub text_bytes: u64,
    /// Compressed bytes of the text column chunk, as the footer claims.
    pub compressed_bytes: u64,
}

/// The columns of one shard that an audit reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardColumns {
    /// Name of the text column.
    pub text: String,
    /// Name of the document id column; `None` means ids are `key#row`.
    pub id: Option<String>,
    /// Where each axis of [`Manifest::axes`] comes from in this shard, same order and length.
    pub axes: Vec<AxisSource>,
}

/// Where the value of one locality axis comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisSource {
    /// The shard's key.
    Shard,
    /// A column's value.
    Column(String),
    /// The host part of a URL column's value.
    HostOf(String),
    /// This shard has no such column: its documents have no locality on the axis.
    Absent,
}

/// Why a shard is left out of the audit. A result, never an error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Quarantine {
    /// Key of the shard.
    pub shard: String,
    /// The class of the fault; stable for scripts.
    pub reason: QuarantineReason,
    /// What was expected and what was found.
    pub detail: String,
}

/// Classes of bad input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// Not a Parquet file, or its footer or pages are damaged.
    Corrupt,
    /// Parquet, but encrypted or with a codec or encoding that this build does not read.
    Unsupported,
    /// No text column, or a column of a type that holds no text.
    Schema,
    /// Decoding would exceed a limit (expansion, page, footer or row-group size).
    Limit,
    /// The decoder panicked.
    Panic,
    /// The object is not the one that was planned (other size or entity tag), or is gone.
    Changed,
    /// Working on it ended the processes of several workers.
    Poison,
}

impl Manifest {
    /// All shards that could not be planned, in shard order.
    pub fn quarantined(&self) -> impl Iterator<Item = &Quarantine> {
        self.shards.iter().filter_map(|shard| shard.quarantine.as_ref())
    }

    /// Rows of all readable shards.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.shards.iter().map(|shard| shard.rows).sum()
    }

    /// Uncompressed bytes of the text columns, as the footers claim.
    #[must_use]
    pub fn text_bytes(&self) -> u64 {
        let groups = self.shards.iter().flat_map(|shard| &shard.row_groups);
        groups.map(|group| group.text_bytes).sum()
    }
}
