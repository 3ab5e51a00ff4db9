//! The token streams that the count wave leaves, so that nobody has to read and cut text again.

use taster_ngrams::object::Kind;
use taster_ngrams::{Segment, stream};

use crate::TaskError;
use crate::count::{Output, Run};
use crate::error::InObject;
use crate::slices::Slices;
use crate::workspace::Workspace;

/// Reads the segment of a counted run into `segment`, and the positions in it of tokens with
/// unusual code points into `unusual`; what they held is lost.
pub(crate) fn read_segment(
    workspace: &Workspace,
    run: &Run,
    stored: &Output,
    segment: &mut Segment,
    unusual: &mut Vec<u32>,
) -> Result<(), TaskError> {
    let opened = workspace.open(&stored.key, Kind::Tokens, 1, stored.bytes)?;
    let slices = Slices::read(workspace, std::iter::once(&opened), 0, 1)?;
    let slice = slices.iter().next().unwrap_or(&[]);
    stream::decode(slice, segment, unusual).in_object(&stored.key)?;
    let got = (segment.documents() as u64, segment.tokens() as u64);
    if got == (run.documents, run.tokens) {
        return Ok(());
    }
    let detail = format!("expected the counted segment, got (documents, tokens) {got:?}");
    Err(TaskError::damaged(&stored.key, detail))
}
