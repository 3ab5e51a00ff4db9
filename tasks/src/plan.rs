//! `taster plan`: what an audit would do, without doing it.

use serde::{Deserialize, Serialize};
use taster_ngrams::count::SLICES;
use taster_planning::partition;
use taster_storage::{Frozen, freeze};
use tokio::runtime::Handle;

use crate::screen::ranges;
use crate::{AuditRequest, TaskError};

/// Bytes of text per token, about (measured on 171 MB of text in 20 languages: 4.9).
const TEXT_BYTES_PER_TOKEN: f64 = 4.9;
/// Run bytes per token and order that counting leaves, about (measured: 14.5 for five orders).
const COUNT_BYTES_PER_TOKEN_AND_ORDER: f64 = 2.9;
/// Bytes per token of the token streams that counting leaves, about (measured).
const STREAM_BYTES_PER_TOKEN: f64 = 2.5;
/// Bytes per token that screening and describing leave, about (measured: 2.1 and 12.0).
const CONTEXT_BYTES_PER_TOKEN: f64 = 14.1;
/// Text per second and thread that an audit of five orders works through, about; only an
/// estimate: `taster-bench speed` measures a machine.
const TEXT_BYTES_PER_SECOND: f64 = 15e6;
/// Text that one ranged read of a shard brings, compressed.
const READ_WINDOW_BYTES: u64 = 4 << 20;

/// What an audit would read, do and leave. Estimates are about right for prose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanFacts {
    /// Shards that can be read.
    pub shards: u64,
    /// Shards that cannot.
    pub quarantined: u64,
    /// Rows, as the footers say.
    pub rows: u64,
    /// Uncompressed text, as the footers say.
    pub text_bytes: u64,
    /// Compressed text, as the footers say.
    pub compressed_bytes: u64,
    /// Axes of the audit.
    pub axes: Vec<String>,
    /// Tasks of the count wave, and as many of the context wave.
    pub units: u64,
    /// Tasks of the screen wave, about.
    pub screen_tasks: u64,
    /// Tasks of the score wave, about.
    pub score_tasks: u64,
    /// Ranged reads of shards over all waves, about.
    pub get_requests: u64,
    /// Objects written to the work location, about.
    pub put_requests: u64,
    /// Bytes left in the work location, about.
    pub work_bytes: u64,
    /// Memory that all tasks together may use.
    pub memory_bytes: u64,
    /// Wall time, about.
    pub seconds: f64,
}

/// Plans an audit: reads listings and footers, nothing else.
///
/// # Errors
/// Trouble with a store; an input that names nothing.
pub fn plan(request: &AuditRequest, runtime: &Handle) -> Result<PlanFacts, TaskError> {
    let Frozen { manifest, .. } = freeze(&request.inputs, &request.parameters, runtime)?;
    let quarantined = manifest.quarantined().count() as u64;
    let units = partition(&manifest, request.resources.unit_bytes());
    let text_bytes = manifest.text_bytes();
    let compressed = manifest
        .shards
        .iter()
        .flat_map(|shard| &shard.row_groups)
        .map(|group| group.compressed_bytes);
    let compressed_bytes: u64 = compressed.sum();
    let tokens = text_bytes as f64 / TEXT_BYTES_PER_TOKEN;
    let orders = request.parameters.orders.iter().len() as f64;
    let count_bytes = (tokens * orders * COUNT_BYTES_PER_TOKEN_AND_ORDER) as u64;
    let stream_bytes = (tokens * STREAM_BYTES_PER_TOKEN) as u64;
    let context_bytes = (tokens * CONTEXT_BYTES_PER_TOKEN) as u64;
    let segments = (tokens / request.resources.segment_tokens() as f64) as u64 + units.len() as u64;
    let (screen_tasks, score_tasks) =
        (ranges(count_bytes).len() as u64, ranges(context_bytes).len() as u64);
    let reads = compressed_bytes / READ_WINDOW_BYTES + units.len() as u64;
    Ok(PlanFacts {
        shards: manifest.shards.len() as u64 - quarantined,
        quarantined,
        rows: manifest.rows(),
        text_bytes,
        compressed_bytes,
        axes: manifest.axes.clone(),
        units: units.len() as u64,
        screen_tasks,
        score_tasks,
        get_requests: reads
            + segments
            + 2 * segments * screen_tasks.min(SLICES as u64)
            + segments * score_tasks,
        put_requests: 3 * segments + 4 * units.len() as u64 + 2 * screen_tasks + score_tasks,
        work_bytes: count_bytes + stream_bytes + context_bytes,
        memory_bytes: request.resources.memory_bytes,
        seconds: text_bytes as f64
            / TEXT_BYTES_PER_SECOND
            / request.resources.threads.max(1) as f64,
    })
}
