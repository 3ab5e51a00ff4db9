//! Streams a unit's documents into segments. Whoever reads text walks through a unit by this one
//! road, so that a segment of the one is the same documents as a segment of the other.

use std::sync::atomic::{AtomicU64, Ordering};

use taster_ngrams::Segment;
use taster_planning::Unit;
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::workspace::Workspace;

static TOKENS: AtomicU64 = AtomicU64::new(0);

/// Tokens that this process has cut from text for counting, those of tasks that were run again
/// included. For metrics; nothing is decided by it.
#[must_use]
pub fn tokens_cut() -> u64 {
    TOKENS.load(Ordering::Relaxed)
}

/// Bytes of text per token, about: fewer than in prose, so that memory seldom grows on the way; what is not used is not touched.
const BYTES_PER_TOKEN: usize = 4;

/// What walks through a unit.
pub(crate) trait Visitor {
    /// A row was read; unless its text is null, it is the last document of `segment` now.
    fn row(
        &mut self,
        batch: &DocumentBatch,
        index: usize,
        segment: &Segment,
    ) -> Result<(), TaskError>;
    /// A segment is complete. It is cleared afterwards.
    fn segment(&mut self, segment: &Segment) -> Result<(), TaskError>;
}

/// Reads all documents of `unit` in row order and calls the visitor for each row and for each
/// full segment; the last segment may be smaller, and is left out if it would be empty.
pub(crate) fn walk(
    workspace: &Workspace,
    unit: &Unit,
    want: Want,
    visitor: &mut impl Visitor,
) -> Result<(), TaskError> {
    let shard = &workspace.manifest.shards[unit.shard_ord as usize];
    let groups = unit.row_group_start..unit.row_group_end;
    let limits = &workspace.parameters.limits;
    let mut stream = workspace.sources.documents(unit.shard_ord, shard, groups, want, limits)?;
    let mut segment = workspace.memory.segments.lend();
    let bytes = usize::try_from(unit.text_bytes).unwrap_or(usize::MAX);
    segment.restart(workspace.segment_tokens.min(bytes / BYTES_PER_TOKEN));
    while let Some(batch) = stream.next_batch()? {
        workspace.proceed()?;
        for index in 0..batch.len() {
            if let Some(text) = batch.text(index) {
                segment.push(text, workspace.tokenizer, workspace.parameters.seed);
            }
            visitor.row(&batch, index, &segment)?;
            if segment.is_full(workspace.segment_tokens) {
                close(visitor, &mut segment)?;
            }
        }
    }
    if segment.documents() > 0 { close(visitor, &mut segment) } else { Ok(()) }
}

fn close(visitor: &mut impl Visitor, segment: &mut Segment) -> Result<(), TaskError> {
    TOKENS.fetch_add(segment.tokens() as u64, Ordering::Relaxed);
    visitor.segment(segment)?;
    segment.clear();
    Ok(())
}
