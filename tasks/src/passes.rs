//! The evidence wave in passes: each looks at a bounded number of documents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use taster_ngrams::fingerprint::fingerprint;

use crate::audit::Driver;
use crate::corpus::{Counted, DocumentOrd};
use crate::evidence::Target;
use crate::outcome::Verified;
use crate::stages::{ByTarget, Chosen, Looking, by_target};
use crate::summarize::Posted;
use crate::verified::{Sequence, verify};
use crate::{TaskError, choice};

/// Tokens of a segment per document of the targets that one evidence pass holds in memory, about
/// 1 kB: a pass takes as much as a segment takes in one of the waves before. Every pass decodes
/// most of the corpus, so they should be few.
const SEGMENT_TOKENS_PER_DOCUMENT: usize = 16;

/// Where the documents of every run are.
pub(crate) struct RunPlaces(Vec<(DocumentOrd, u32)>);

impl RunPlaces {
    pub(crate) fn new(counted: &[Counted]) -> Self {
        let mut places = Vec::new();
        for (unit, counted) in counted.iter().enumerate() {
            let mut document = 0;
            for run in &counted.receipt.runs {
                places.push((DocumentOrd { unit: unit as u32, document }, run.documents as u32));
                document += run.documents as u32;
            }
        }
        Self(places)
    }

    pub(crate) fn document(&self, posted: Posted) -> DocumentOrd {
        let (first, _) = self.0[posted.0 as usize];
        DocumentOrd { unit: first.unit, document: first.document + posted.1 }
    }

    /// All documents of a run.
    pub(crate) fn all(&self, run: u32) -> impl Iterator<Item = DocumentOrd> + use<> {
        let (first, documents) = self.0[run as usize];
        (0..documents)
            .map(move |ord| DocumentOrd { unit: first.unit, document: first.document + ord })
    }
}

/// The evidence wave, in passes of bounded memory.
pub(crate) fn evidence(
    driver: &mut Driver<'_>,
    chosen: &Chosen,
) -> Result<Vec<Verified>, TaskError> {
    let mut verified = Vec::new();
    for pass in passes(&chosen.targets, driver.workspace.segment_tokens) {
        let mut seen = look_all(driver, chosen, Arc::clone(&chosen.targets), pass.clone())?;
        for (index, place) in pass.enumerate() {
            let ByTarget { mut sightings, uncounted } = seen.remove(&index).unwrap_or_default();
            let target = &chosen.targets[place];
            sightings.iter_mut().for_each(|sighting| sighting.tokenise(&driver.workspace));
            let Some(mut sequence) = verify(sightings, target.order) else {
                continue;
            };
            sequence.uncounted = more_of(driver, chosen, target, &sequence, &uncounted)?;
            let choice::Chosen { candidate, placed, .. } = chosen.candidates[place].clone();
            verified.push(Verified::new(candidate, placed, sequence));
        }
    }
    Ok(verified)
}

/// Occurrences of a sequence beyond those that were kept. Those of the candidate are known; if it
/// was extended, the documents with too many occurrences are looked at again for the whole.
fn more_of(
    driver: &mut Driver<'_>,
    chosen: &Chosen,
    target: &Target,
    sequence: &Sequence,
    uncounted: &[(DocumentOrd, u64)],
) -> Result<u64, TaskError> {
    if uncounted.is_empty() || sequence.hashes.len() == target.order {
        return Ok(uncounted.iter().map(|(_, more)| more).sum());
    }
    let documents: Vec<DocumentOrd> = uncounted.iter().map(|(document, _)| *document).collect();
    let kept = sequence
        .occurrences
        .iter()
        .filter(|place| documents.binary_search(&place.document).is_ok())
        .count();
    let whole = Target {
        fingerprint: fingerprint(&sequence.hashes),
        order: sequence.hashes.len(),
        documents,
    };
    let seen = look_all(driver, chosen, Arc::new([whole]), 0..1)?;
    let all = seen.values().map(|seen| {
        seen.sightings.len() as u64 + seen.uncounted.iter().map(|(_, more)| more).sum::<u64>()
    });
    Ok(all.sum::<u64>().saturating_sub(kept as u64))
}

fn look_all(
    driver: &mut Driver<'_>,
    chosen: &Chosen,
    targets: Arc<[Target]>,
    pass: Range<usize>,
) -> Result<BTreeMap<usize, ByTarget>, TaskError> {
    let counts = Arc::clone(&chosen.screened.counts);
    let looking = Looking::new(counts, targets, [pass], driver.keeps_evidence);
    Ok(by_target(driver.stage(&looking)?))
}

/// Consecutive targets that have together as many documents as memory for segments of so many
/// tokens allows; at least one target each.
pub(crate) fn passes(targets: &[Target], segment_tokens: usize) -> Vec<Range<usize>> {
    let most = segment_tokens / SEGMENT_TOKENS_PER_DOCUMENT;
    let mut passes = Vec::new();
    let (mut start, mut documents) = (0, 0);
    for (index, target) in targets.iter().enumerate() {
        documents += target.documents.len();
        if index > start && documents > most {
            passes.push(start..index);
            (start, documents) = (index, target.documents.len());
        }
    }
    if start < targets.len() {
        passes.push(start..targets.len());
    }
    passes
}
