//! The evidence wave in passes: each looks at a bounded number of documents.

use std::collections::BTreeMap;

use crate::audit::Driver;
use crate::choice::Chosen;
use crate::corpus::{Counted, DocumentOrd};
use crate::evidence::{Sighting, Target, errands, look};
use crate::outcome::Verified;
use crate::summarize::Posted;
use crate::verified::verify;
use crate::{TaskError, Wave};

/// Documents of the targets that one evidence pass holds in memory.
const EVIDENCE_DOCUMENTS: usize = 8192;

/// Where the documents of every run are.
pub(crate) struct RunPlaces(Vec<(DocumentOrd, u32)>);

impl RunPlaces {
    pub(crate) fn new(counted: &[Counted]) -> Self {
        let mut places = Vec::new();
        for (unit, counted) in counted.iter().enumerate() {
            let mut document = 0;
            for run in &counted.receipt.runs {
                places.push((
                    DocumentOrd {
                        unit: unit as u32,
                        document,
                    },
                    run.documents as u32,
                ));
                document += run.documents as u32;
            }
        }
        Self(places)
    }

    pub(crate) fn document(&self, posted: Posted) -> DocumentOrd {
        let (first, _) = self.0[posted.0 as usize];
        DocumentOrd {
            unit: first.unit,
            document: first.document + posted.1,
        }
    }

    /// All documents of a run.
    pub(crate) fn all(&self, run: u32) -> impl Iterator<Item = DocumentOrd> + use<> {
        let (first, documents) = self.0[run as usize];
        (0..documents).map(move |ord| DocumentOrd {
            unit: first.unit,
            document: first.document + ord,
        })
    }
}

/// The evidence wave, in passes of bounded memory.
pub(crate) fn evidence(
    driver: &mut Driver<'_>,
    counted: &[Counted],
    targets: &[Target],
    chosen: Vec<Chosen>,
) -> Result<Vec<Verified>, TaskError> {
    let mut verified = Vec::new();
    let mut chosen = chosen.into_iter();
    for pass in passes(targets) {
        let mut sightings = look_all(driver, counted, pass)?;
        for (index, target) in pass.iter().enumerate() {
            let Some(Chosen {
                candidate, placed, ..
            }) = chosen.next()
            else {
                break;
            };
            let sightings = sightings.remove(&index).unwrap_or_default();
            let sequence = verify(sightings, target.order);
            verified.extend(sequence.map(|sequence| Verified::new(candidate, placed, sequence)));
        }
    }
    Ok(verified)
}

/// Consecutive targets with at most [`EVIDENCE_DOCUMENTS`] documents together, at least one each.
fn passes(targets: &[Target]) -> Vec<&[Target]> {
    let mut passes = Vec::new();
    let (mut start, mut documents) = (0, 0);
    for (index, target) in targets.iter().enumerate() {
        documents += target.documents.len();
        if index > start && documents > EVIDENCE_DOCUMENTS {
            passes.push(&targets[start..index]);
            (start, documents) = (index, target.documents.len());
        }
    }
    if start < targets.len() {
        passes.push(&targets[start..]);
    }
    passes
}

/// Sightings by target, each in unit, row and text order.
fn look_all(
    driver: &mut Driver<'_>,
    counted: &[Counted],
    targets: &[Target],
) -> Result<BTreeMap<usize, Vec<Sighting>>, TaskError> {
    let errands = errands(&driver.workspace, counted, targets)?;
    let seen = driver.wave(
        Wave::Evidence,
        &errands,
        |_| 0,
        |workspace, errand| Ok((look(workspace, counted, targets, errand)?, false)),
    )?;
    let mut sightings: BTreeMap<usize, Vec<Sighting>> = BTreeMap::new();
    for (target, sighting) in seen.into_iter().flatten() {
        sightings.entry(target).or_default().push(sighting);
    }
    Ok(sightings)
}
