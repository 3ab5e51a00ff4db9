//! Which documents hold a finding: all of them, so that a removal misses none.

use std::sync::Arc;

/// A document that holds a finding: one row of `finding_documents.parquet`.
///
/// Names are shared between rows, of which there can be `max_findings` × ceiling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingDocument {
    /// The finding.
    pub finding_id: Arc<str>,
    /// Key relative to the input root.
    pub shard: Arc<str>,
    /// Row group in the shard.
    pub row_group: i32,
    /// Row in the shard, from 0.
    pub row: i64,
    /// Document id.
    pub id: Arc<str>,
}

impl FindingDocument {
    /// Its columns, in order.
    pub const COLUMNS: [&'static str; 5] = ["finding_id", "shard", "row_group", "row", "id"];
}
