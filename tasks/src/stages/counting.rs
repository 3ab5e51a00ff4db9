//! The count stage, and what it found: the units that count and the corpus that they make.

use std::collections::BTreeMap;

use taster_planning::{Quarantine, Unit};

use super::Stage;
use crate::context::Located;
use crate::corpus::{Corpus, Counted};
use crate::count::{CountReceipt, count};
use crate::sought::{SignatureMatches, merged};
use crate::workspace::Workspace;
use crate::{TaskError, Wave};

/// Shards that are left out, by key.
pub(crate) type Excluded = BTreeMap<String, Quarantine>;

/// One task per unit of the shards that are not left out.
#[derive(Debug)]
pub(crate) struct Counting {
    units: Vec<Unit>,
}

impl Counting {
    /// `units` are all units of the manifest.
    pub(crate) fn new(workspace: &Workspace, units: &[Unit], excluded: &Excluded) -> Self {
        let is_good = |unit: &&Unit| !excluded.contains_key(workspace.key(unit));
        Self { units: units.iter().filter(is_good).cloned().collect() }
    }

    /// The units that count: shards with a bad unit are left out whole, and `excluded` by now.
    pub(crate) fn collect(
        self,
        workspace: &Workspace,
        receipts: Vec<CountReceipt>,
        excluded: &Excluded,
    ) -> Vec<Counted> {
        let counted =
            self.units.into_iter().zip(receipts).map(|(unit, receipt)| Counted { unit, receipt });
        counted.filter(|counted| !excluded.contains_key(workspace.key(&counted.unit))).collect()
    }
}

impl Stage for Counting {
    type Receipt = CountReceipt;

    fn wave(&self) -> Wave {
        Wave::Count
    }

    fn tasks(&self) -> usize {
        self.units.len()
    }

    fn bytes(&self, task: usize) -> u64 {
        self.units[task].text_bytes
    }

    fn run(&self, workspace: &Workspace, task: usize) -> Result<(CountReceipt, bool), TaskError> {
        count(workspace, &self.units[task])
    }
}

/// The counted units and what is known of all their documents together.
#[derive(Debug)]
pub(crate) struct CountedCorpus {
    pub units: Vec<Counted>,
    pub corpus: Corpus,
    /// What the texts match, by signature.
    pub matches: Vec<SignatureMatches>,
    /// Ordinal of the first run of every unit among all runs.
    first_runs: Vec<usize>,
}

impl CountedCorpus {
    pub(crate) fn merge(workspace: &Workspace, mut units: Vec<Counted>) -> Result<Self, TaskError> {
        let matches = merged(workspace.parameters.signatures.len(), &mut units);
        let corpus = Corpus::merge(workspace, &units)?;
        let mut next_run = 0;
        let first_run = |counted: &Counted| {
            let first = next_run;
            next_run += counted.receipt.runs.len();
            first
        };
        let first_runs = units.iter().map(first_run).collect();
        Ok(Self { units, corpus, matches, first_runs })
    }

    /// The unit of this index, with what locates it.
    pub(crate) fn located(&self, index: usize) -> Located<'_> {
        let first_run = self.first_runs[index];
        Located { counted: &self.units[index], unit_ord: index, first_run }
    }

    /// Index of a unit; `None` if its shard is left out.
    pub(crate) fn place_of(&self, unit: &Unit) -> Option<usize> {
        let place = |unit: &Unit| (unit.shard_ord, unit.row_group_start);
        self.units.binary_search_by_key(&place(unit), |counted| place(&counted.unit)).ok()
    }
}
