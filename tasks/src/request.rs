//! What is asked of an audit, and what it may use.

use taster_planning::Parameters;

/// One audit, before anything was read.
#[derive(Debug, Clone)]
pub struct AuditRequest {
    /// Inputs as the user named them: files, folders, globs, URLs, `@list`.
    pub inputs: Vec<String>,
    /// Where task outputs are kept: a folder or URL. An audit that finds outputs there whose
    /// digests match uses them.
    pub work: String,
    /// What determines the result.
    pub parameters: Parameters,
    /// What does not.
    pub resources: Resources,
}

/// What an audit may use. Never changes a byte of its output.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Tasks at the same time, at least 1.
    pub threads: usize,
    /// Memory for all of them together, in bytes; at least [`Resources::MIN_MEMORY_BYTES`].
    pub memory_bytes: u64,
    /// Largest unit in uncompressed text bytes; `None` chooses by memory.
    pub unit_bytes: Option<u64>,
}

impl Resources {
    /// Below this an audit does not start.
    pub const MIN_MEMORY_BYTES: u64 = 64 << 20;

    /// Memory of the process that no task accounts for: code, tables, runtime, allocator.
    const BASE_BYTES: u64 = 24 << 20;

    /// What a segment costs per token over count and context together, in bytes: hashes, sums,
    /// keys, the screened table, postings and the encoded run.
    const SEGMENT_BYTES_PER_TOKEN: u64 = 200;

    /// Larger segments make the partitions fall out of the cache and count no faster.
    const MAX_SEGMENT_TOKENS: u64 = 1 << 20;

    /// Tokens of a segment per document of the targets that one evidence pass holds, which takes at most 700 bytes: a pass
    /// takes as much as a segment takes in one of the waves before.
    const SEGMENT_TOKENS_PER_DOCUMENT: usize = 6;

    /// Every pass decodes most of the corpus, so they should be few; beyond this they hardly get fewer.
    const MAX_PASS_DOCUMENTS: usize = 1 << 20;

    /// Memory of one task.
    #[must_use]
    pub fn task_bytes(&self) -> u64 {
        self.memory_bytes.saturating_sub(Self::BASE_BYTES) / self.threads.max(1) as u64
    }

    /// Tokens after which a segment is counted.
    #[must_use]
    pub fn segment_tokens(&self) -> usize {
        let tokens = self.task_bytes() / Self::SEGMENT_BYTES_PER_TOKEN;
        tokens.clamp(1 << 14, Self::MAX_SEGMENT_TOKENS) as usize
    }

    /// Documents of the targets that one evidence pass holds in memory, where that need not be the same for several
    /// processes; unlike segments, passes gain from all the memory there is.
    #[must_use]
    pub fn pass_documents(&self) -> usize {
        let tokens = self.task_bytes() / Self::SEGMENT_BYTES_PER_TOKEN;
        let documents = tokens as usize / Self::SEGMENT_TOKENS_PER_DOCUMENT;
        documents.min(Self::MAX_PASS_DOCUMENTS).max(Self::shared_pass_documents(1 << 14))
    }

    /// The same for processes that know nothing of each other's memory but that each can count segments of so many tokens.
    #[must_use]
    pub fn shared_pass_documents(segment_tokens: usize) -> usize {
        segment_tokens / Self::SEGMENT_TOKENS_PER_DOCUMENT
    }

    /// Uncompressed text bytes of a unit: enough segments to be worth a task, few enough that
    /// the last tasks of a wave do not wait for each other.
    #[must_use]
    pub fn unit_bytes(&self) -> u64 {
        self.unit_bytes.unwrap_or(32 << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_take_what_a_segment_takes_and_more_where_there_is_more() {
        let resources =
            |threads, mib: u64| Resources { threads, memory_bytes: mib << 20, unit_bytes: None };
        for (threads, mib) in [(1, 64), (2, 64), (2, 256), (8, 256)] {
            let little = resources(threads, mib);
            let shared = Resources::shared_pass_documents(little.segment_tokens());
            assert_eq!(little.pass_documents(), shared, "{threads} threads, {mib} MiB");
        }
        let much = resources(2, 4096);
        let shared = Resources::shared_pass_documents(much.segment_tokens());
        assert!(much.pass_documents() > 4 * shared);
        assert!(700 * much.pass_documents() as u64 <= much.task_bytes());
        assert_eq!(resources(1, 1 << 20).pass_documents(), Resources::MAX_PASS_DOCUMENTS);
    }
}
