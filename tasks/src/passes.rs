//! The evidence wave in passes: each looks at a bounded number of documents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use taster_ngrams::fingerprint::fingerprint;

use crate::asides::Spelled;
use crate::audit::Driver;
use crate::corpus::{Counted, DocumentOrd};
use crate::dispatch::run_wave;
use crate::evidence::{PER_DOCUMENT, Page, Target};
use crate::joined::{Joined, Verified};
use crate::read_documents::ReadDocuments;
use crate::stages::{ByTarget, Chosen, Looking, by_target};
use crate::summarize::Posted;
use crate::verified::{Sequence, verify};
use crate::{TaskError, choice};

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

    /// The run that holds a document, by its ordinal among all runs.
    pub(crate) fn run_of(&self, ord: DocumentOrd) -> usize {
        self.0.partition_point(|(first, _)| *first <= ord).saturating_sub(1)
    }

    /// All documents of a run.
    pub(crate) fn all(&self, run: u32) -> impl Iterator<Item = DocumentOrd> + use<> {
        let (first, documents) = self.0[run as usize];
        (0..documents)
            .map(move |ord| DocumentOrd { unit: first.unit, document: first.document + ord })
    }
}

/// What the evidence wave brings.
#[derive(Default)]
pub(crate) struct Seen {
    /// What may become findings, by id.
    pub verified: Vec<Verified>,
    /// What lists beside them need.
    pub spelled: Spelled,
}

/// The evidence wave, in passes of bounded memory.
pub(crate) fn evidence(driver: &mut Driver<'_>, chosen: &Chosen) -> Result<Seen, TaskError> {
    let corpus = &chosen.screened.counts.corpus;
    let (mut joined, mut spelled) = (Joined::default(), Spelled::default());
    let mut documents = ReadDocuments::default();
    for pass in passes(&chosen.targets, driver.pass_documents) {
        let mut pages = look_all(driver, chosen, Arc::clone(&chosen.targets), pass.clone())?;
        pages.iter_mut().for_each(|page| page.document = documents.once(&page.document));
        let seen = by_target(&pages, pass.len());
        let targets = &chosen.targets[pass.clone()];
        let sequences = sequences(driver, targets, &seen)?;
        let more = more(driver, chosen, pass.start, &sequences, &seen)?;
        for (index, sequence) in sequences.into_iter().enumerate() {
            let (place, Some(mut sequence)) = (pass.start + index, sequence) else {
                continue;
            };
            chosen.asides.spell(place, &sequence, &mut spelled);
            if place >= chosen.asides.first_target {
                continue;
            }
            let target = &targets[index];
            sequence.uncounted = more.get(&index).copied().unwrap_or_default();
            let sought = chosen.sought.of(place);
            joined.add(match chosen.candidates.get(place).cloned() {
                Some(choice::Chosen { candidate, placed, .. }) => {
                    Verified::new(candidate, placed, sequence, sought)
                }
                None => Verified::unscored(&chosen.judge, corpus, target, sequence, sought),
            });
        }
    }
    Ok(Seen { verified: joined.finish(), spelled })
}

/// The verified sequence of every target of a pass.
fn sequences(
    driver: &Driver<'_>,
    targets: &[Target],
    seen: &[ByTarget<'_>],
) -> Result<Vec<Option<Sequence>>, TaskError> {
    let workspace = &driver.workspace;
    let tasks: Vec<_> = targets.iter().zip(seen).collect();
    let marks = |(_, seen): &(&Target, &ByTarget<'_>)| seen.marks.len() as u64;
    let sequences = run_wave(driver.threads, &tasks, marks, |(target, seen)| {
        let mut cuts = workspace.memory.cuts.lend();
        let mut surroundings = workspace.memory.surroundings.lend();
        let sightings = cuts.sightings(workspace, &seen.marks);
        Ok(verify(sightings, target.order, target.closes, &mut surroundings))
    });
    workspace.memory.free();
    sequences
}

/// Occurrences beyond those that were kept, of the sequences of a pass that have some. Those of a candidate are known; if
/// it was extended, the documents with too many occurrences are looked at again for the whole.
fn more(
    driver: &mut Driver<'_>,
    chosen: &Chosen,
    first: usize,
    sequences: &[Option<Sequence>],
    seen: &[ByTarget<'_>],
) -> Result<BTreeMap<usize, u64>, TaskError> {
    let (mut more, mut extended, mut wholes) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (index, (sequence, seen)) in sequences.iter().zip(seen).enumerate() {
        let is_told = first + index < chosen.asides.first_target && !seen.uncounted.is_empty();
        let Some(sequence) = sequence.as_ref().filter(|_| is_told) else {
            continue;
        };
        if sequence.hashes.len() == chosen.targets[first + index].order {
            more.insert(index, seen.uncounted.iter().map(|(_, more)| more).sum());
        } else {
            extended.push(index);
            wholes.push(whole(sequence, &seen.uncounted));
        }
    }
    let kept = extended.iter().zip(&wholes).map(|(&index, whole)| kept(&sequences[index], whole));
    let kept: Vec<u64> = kept.collect();
    let all = occurrences(driver, chosen, wholes)?;
    let beyond = all.into_iter().zip(kept).map(|(all, kept)| all.saturating_sub(kept));
    more.extend(extended.into_iter().zip(beyond));
    Ok(more)
}

/// A whole sequence as a target in some of its documents.
fn whole(sequence: &Sequence, uncounted: &[(DocumentOrd, u64)]) -> Target {
    Target {
        fingerprint: fingerprint(&sequence.hashes),
        order: sequence.hashes.len(),
        documents: uncounted.iter().map(|(document, _)| *document).collect(),
        closes: false,
    }
}

/// Occurrences of a sequence that were kept in the documents of a target.
fn kept(sequence: &Option<Sequence>, target: &Target) -> u64 {
    let holders = sequence.iter().flat_map(|sequence| &sequence.holders);
    let those =
        holders.filter(|holder| target.documents.binary_search(&holder.document.ord).is_ok());
    those.map(|holder| u64::from(holder.occurrences)).sum()
}

/// How often each of some targets stands in its documents, where it stands often: a document may fill as much memory as
/// [`PER_DOCUMENT`] of others, so that a pass takes as many fewer.
fn occurrences(
    driver: &mut Driver<'_>,
    chosen: &Chosen,
    targets: Vec<Target>,
) -> Result<Vec<u64>, TaskError> {
    let targets: Arc<[Target]> = targets.into();
    let mut occurrences = vec![0; targets.len()];
    for pass in passes(&targets, driver.pass_documents / PER_DOCUMENT) {
        let own = &mut occurrences[pass.clone()];
        for page in look_all(driver, chosen, Arc::clone(&targets), pass)? {
            page.marks.iter().for_each(|mark| own[mark.target as usize] += 1);
            page.uncounted.iter().for_each(|(target, more)| own[*target] += more);
        }
    }
    Ok(occurrences)
}

/// What all errands of a pass saw, in unit and row order.
fn look_all(
    driver: &mut Driver<'_>,
    chosen: &Chosen,
    targets: Arc<[Target]>,
    pass: Range<usize>,
) -> Result<Vec<Page>, TaskError> {
    let counts = Arc::clone(&chosen.screened.counts);
    let looking = Looking::new(counts, targets, [pass], driver.keeps_evidence);
    Ok(driver.stage(&looking)?.into_iter().flatten().collect())
}

/// Consecutive targets that have together `most` documents at most; at least one target each.
pub(crate) fn passes(targets: &[Target], most: usize) -> Vec<Range<usize>> {
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
