//! What the context wave left, opened for the score wave.

use taster_ngrams::context::ALL_SLICES;
use taster_ngrams::count::SLICES;
use taster_ngrams::object::{Kind, take_frame};
use taster_ngrams::posting::Rows;

use crate::TaskError;
use crate::count::Run;
use crate::error::InObject;
use crate::slices::Slices;
use crate::workspace::{Opened, Workspace};

/// The runs of the context wave, in unit and segment order.
#[derive(Debug)]
pub(crate) struct ContextRuns {
    pub opened: Vec<Opened>,
    /// Where the documents of each stand.
    pub rows: Vec<Rows>,
}

impl ContextRuns {
    /// Opens them and reads where their documents stand: a few bytes for each.
    pub(crate) fn open<'a>(
        workspace: &Workspace,
        runs: impl Iterator<Item = &'a Run>,
    ) -> Result<Self, TaskError> {
        let open = |run: &Run| {
            workspace.open(&run.output.key, Kind::Context, ALL_SLICES, run.output.bytes)
        };
        let opened: Vec<Opened> = runs.map(open).collect::<Result<_, _>>()?;
        let slices = Slices::read(workspace, opened.iter(), SLICES, ALL_SLICES)?;
        let rows = opened.iter().zip(slices.iter()).map(|(opened, mut slice)| {
            let frame = take_frame(&mut slice).in_object(&opened.key)?;
            let payload = frame.map_or(&[][..], |frame| frame.payload);
            Rows::decode(payload, opened.directory.header.documents).in_object(&opened.key)
        });
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Self { opened, rows })
    }
}
