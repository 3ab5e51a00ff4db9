//! The evidence stage: per unit, re-reads the documents that targets name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::{CountedCorpus, Stage};
use crate::corpus::DocumentOrd;
use crate::evidence::{Errand, Seen, Sighting, Target, look, looked};
use crate::workspace::Workspace;
use crate::{TaskError, Wave};

/// One task per pass and unit that holds documents of its targets.
#[derive(Debug)]
pub(crate) struct Looking {
    counts: Arc<CountedCorpus>,
    targets: Arc<[Target]>,
    errands: Vec<(Range<usize>, u32)>,
    /// Whether what was seen is committed, for others to find.
    keeps: bool,
}

impl Looking {
    /// `passes` are ranges of `targets`.
    pub(crate) fn new(
        counts: Arc<CountedCorpus>,
        targets: Arc<[Target]>,
        passes: impl IntoIterator<Item = Range<usize>>,
        keeps: bool,
    ) -> Self {
        let errands = passes.into_iter().flat_map(|pass| {
            let documents = targets[pass.clone()].iter().flat_map(|target| &target.documents);
            let units: BTreeSet<u32> = documents.map(|document| document.unit).collect();
            units.into_iter().map(move |unit| (pass.clone(), unit))
        });
        let errands = errands.collect();
        Self { counts, targets, errands, keeps }
    }
}

impl Stage for Looking {
    type Receipt = Seen;

    fn wave(&self) -> Wave {
        Wave::Evidence
    }

    fn tasks(&self) -> usize {
        self.errands.len()
    }

    fn bytes(&self, _: usize) -> u64 {
        0
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(Seen, bool), TaskError> {
        let (pass, unit) = &self.errands[task];
        let errand = Errand {
            unit_ord: *unit,
            counted: &self.counts.units[*unit as usize],
            targets: &self.targets[pass.clone()],
        };
        if self.keeps { looked(workspace, &errand) } else { Ok((look(workspace, &errand)?, false)) }
    }
}

/// What was seen of one target.
#[derive(Debug, Default)]
pub(crate) struct ByTarget {
    /// In unit, row and text order.
    pub sightings: Vec<Sighting>,
    /// Documents with more occurrences than were kept, ascending, and how many more.
    pub uncounted: Vec<(DocumentOrd, u64)>,
}

/// Sorts what the errands of one pass saw by target of the pass; errands come in unit order.
pub(crate) fn by_target(seen: Vec<Seen>) -> BTreeMap<usize, ByTarget> {
    let mut by_target: BTreeMap<usize, ByTarget> = BTreeMap::new();
    for Seen { sightings, uncounted } in seen {
        for (target, sighting) in sightings {
            by_target.entry(target).or_default().sightings.push(sighting);
        }
        for (target, document, more) in uncounted {
            by_target.entry(target).or_default().uncounted.push((document, more));
        }
    }
    by_target
}
