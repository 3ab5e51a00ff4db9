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

    /// Uncompressed text bytes of a unit: enough segments to be worth a task, few enough that
    /// the last tasks of a wave do not wait for each other.
    #[must_use]
    pub fn unit_bytes(&self) -> u64 {
        self.unit_bytes.unwrap_or(32 << 20)
    }
}
