//! The evidence stage: per unit, re-reads the documents that targets name.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::{CountedCorpus, Stage};
use crate::corpus::DocumentOrd;
use crate::evidence::{Errand, Mark, Page, Target, look, looked};
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
    type Receipt = Vec<Page>;

    fn wave(&self) -> Wave {
        Wave::Evidence
    }

    fn tasks(&self) -> usize {
        self.errands.len()
    }

    fn bytes(&self, _: usize) -> u64 {
        0
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(Vec<Page>, bool), TaskError> {
        let (pass, unit) = &self.errands[task];
        let errand = Errand {
            unit_ord: *unit,
            counted: &self.counts.units[*unit as usize],
            corpus: &self.counts.corpus,
            targets: &self.targets[pass.clone()],
        };
        if self.keeps { looked(workspace, &errand) } else { Ok((look(workspace, &errand)?, false)) }
    }
}

/// What was seen of one target.
#[derive(Debug, Default)]
pub(crate) struct ByTarget<'a> {
    /// In unit, row and text order.
    pub marks: Vec<(&'a Page, Mark)>,
    /// Documents with more occurrences than were kept, ascending, and how many more.
    pub uncounted: Vec<(DocumentOrd, u64)>,
}

/// Sorts what the errands of one pass saw by target of the pass; pages come in unit and row order.
pub(crate) fn by_target(pages: &[Page], targets: usize) -> Vec<ByTarget<'_>> {
    let mut marks = vec![0; targets];
    pages.iter().flat_map(|page| &page.marks).for_each(|mark| marks[mark.target as usize] += 1);
    let empty = |&marks: &usize| ByTarget { marks: Vec::with_capacity(marks), uncounted: vec![] };
    let mut by_target: Vec<ByTarget<'_>> = marks.iter().map(empty).collect();
    for page in pages {
        for mark in &page.marks {
            by_target[mark.target as usize].marks.push((page, *mark));
        }
        for &(target, more) in &page.uncounted {
            by_target[target].uncounted.push((page.document.ord, more));
        }
    }
    by_target
}
