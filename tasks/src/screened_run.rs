//! What the screen wave says of one run: the slice of every screened object that is about it.

use taster_ngrams::block;
use taster_ngrams::object::{Frame, take_frame};

use crate::TaskError;
use crate::error::InObject;
use crate::slices::Slices;
use crate::workspace::{Opened, Workspace};

/// The screened n-grams of one run.
pub(crate) struct ScreenedRun<'a> {
    objects: &'a [Opened],
    slices: Slices<'a>,
}

impl<'a> ScreenedRun<'a> {
    /// Reads what `objects` say of a run, by its ordinal among all runs.
    pub(crate) fn read(
        workspace: &'a Workspace,
        objects: &'a [Opened],
        run: usize,
    ) -> Result<Self, TaskError> {
        let slices = Slices::read(workspace, objects.iter(), run, run + 1)?;
        Ok(Self { objects, slices })
    }

    /// Visits all frames, each labelled with the order of its n-grams, with the key of its object.
    pub(crate) fn each(
        &self,
        mut visit: impl FnMut(&str, Frame<'_>) -> Result<(), TaskError>,
    ) -> Result<(), TaskError> {
        self.objects.iter().zip(self.slices.iter()).try_for_each(|(object, slice)| {
            let mut rest = slice;
            while let Some(frame) = take_frame(&mut rest).in_object(&object.key)? {
                visit(&object.key, frame)?;
            }
            Ok(())
        })
    }

    /// Number of n-grams of the orders that `counts` is true for.
    pub(crate) fn entries(&self, counts: impl Fn(u8) -> bool) -> Result<usize, TaskError> {
        let mut entries = 0;
        self.each(|_, frame| {
            if counts(frame.label as u8) {
                entries += block::entries(frame.payload);
            }
            Ok(())
        })?;
        Ok(entries)
    }
}
