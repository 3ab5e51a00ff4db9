//! The digest of a shard's texts: what `manifest.jsonl` says, computed row by row.

use taster_planning::Digest;

/// BLAKE3 over the rows in order: a zero byte for a row without text, else a one and the BLAKE3
/// of the text.
#[derive(Debug, Default)]
pub(crate) struct ShardDigest(blake3::Hasher);

impl ShardDigest {
    /// Adds the next row, and returns the digest of its text.
    pub(crate) fn row(&mut self, text: Option<&str>) -> Option<blake3::Hash> {
        let digest = text.map(|text| blake3::hash(text.as_bytes()));
        match &digest {
            Some(digest) => self.0.update(&[1]).update(digest.as_bytes()),
            None => self.0.update(&[0]),
        };
        digest
    }

    /// The digest of all rows so far.
    pub(crate) fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}
