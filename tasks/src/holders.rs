//! Which runs hold an n-gram, from the screened objects.
//!
//! The context wave leaves out the inside of longer sequences for n-grams of the largest order,
//! so such a candidate's postings may be fewer than its df. The evidence wave then looks at every
//! document of the runs that hold it, and the finding names them all.

use taster_ngrams::block;
use taster_ngrams::count::{PARTITIONS, SLICES, partition_of};
use taster_ngrams::object::take_frame;

use taster_planning::MergeRange;

use crate::TaskError;
use crate::error::InObject;
use crate::workspace::{Opened, Workspace};

/// The screened object of one range.
#[derive(Debug, Clone)]
pub(crate) struct ScreenedRange {
    pub range: MergeRange,
    pub object: Opened,
}

/// Ordinals of the runs that hold the n-gram, ascending; `screened` may have several steps, of
/// which one is about its order.
pub(crate) fn runs_holding<'a>(
    workspace: &Workspace,
    screened: impl Iterator<Item = &'a ScreenedRange>,
    fingerprint: u64,
) -> Result<Vec<u32>, TaskError> {
    let slice = partition_of(fingerprint) / (PARTITIONS / SLICES);
    let covers =
        |screened: &&ScreenedRange| (screened.range.from..screened.range.to).contains(&slice);
    let mut holders = Vec::new();
    for ScreenedRange { object, .. } in screened.filter(covers) {
        for run in 0..object.directory.slices() {
            if holds(workspace, object, run, fingerprint)? {
                holders.push(run as u32);
            }
        }
    }
    Ok(holders)
}

/// Whether the object says of the run that it holds the n-gram.
fn holds(
    workspace: &Workspace,
    object: &Opened,
    run: usize,
    fingerprint: u64,
) -> Result<bool, TaskError> {
    let bytes = workspace.slices(object, run, run + 1)?;
    let mut rest = bytes.as_ref();
    let mut holds = false;
    while let Some(frame) = take_frame(&mut rest).in_object(&object.key)? {
        block::decode(frame.payload, |entry| holds |= entry.fingerprint == fingerprint)
            .in_object(&object.key)?;
    }
    Ok(holds)
}
