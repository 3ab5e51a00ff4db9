//! The context wave: per unit, where the screened n-grams stand.

use serde::{Deserialize, Serialize};
use taster_findings::{MeasuredDocument, SurprisalTally};
use taster_ngrams::Segment;
use taster_ngrams::context::{Describer, DocumentFacts, Rules};
use taster_ngrams::lookup::Screened;
use taster_ngrams::object::Kind;
use taster_planning::DigestBuilder;

use crate::TaskError;
use crate::corpus::{Corpus, Counted, read_table};
use crate::count::{Output, Run, commit, folder as count_folder};
use crate::documents::{DocumentsTable, NO_VALUE};
use crate::error::InObject;
use crate::memory::Lent;
use crate::screened_run::ScreenedRun;
use crate::stream::read_segment;
use crate::workspace::{Opened, Workspace};

/// What a context task leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContextReceipt {
    pub runs: Vec<Run>,
    /// How surprising the documents of the unit are.
    pub surprisal: SurprisalTally,
}

/// What all context tasks share.
pub(crate) struct Screen<'a> {
    pub corpus: &'a Corpus,
    /// The screened objects of all ranges, in range order.
    pub objects: &'a [Opened],
    /// Digest of all of them.
    pub digest: [u8; 32],
    pub rules: Rules,
}

/// A counted unit with the ordinals that locate it among all.
pub(crate) struct Located<'a> {
    pub counted: &'a Counted,
    /// Index among the counted units.
    pub unit_ord: usize,
    /// Ordinal of its first run among all runs.
    pub first_run: usize,
}

/// Describes one unit, or finds it described. The second value says which.
pub(crate) fn describe(
    workspace: &Workspace,
    screen: &Screen<'_>,
    located: &Located<'_>,
) -> Result<(ContextReceipt, bool), TaskError> {
    let unit = &located.counted.unit;
    let digest = DigestBuilder::new("taster context 9")
        .text(&count_folder(workspace, unit))
        .bytes(&screen.digest)
        .number(located.first_run as u64)
        .number(u64::from(screen.rules.documents))
        .finish();
    let folder = format!("context/{}", digest.short());
    let receipt_key = format!("{folder}/receipt.json");
    if let Some(receipt) = workspace.receipt::<ContextReceipt>(&receipt_key)?
        && workspace.intact(receipt.runs.iter().map(|run| &run.output))?
    {
        return Ok((receipt, true));
    }
    let mut describing = Describing::new(workspace, screen, located, folder)?;
    let counted = &located.counted.receipt;
    for (run, stream) in counted.runs.iter().zip(&counted.streams) {
        workspace.proceed()?;
        describing.segment(run, stream)?;
    }
    let receipt = describing.receipt;
    workspace.commit_receipt(&receipt_key, &receipt)?;
    Ok((receipt, false))
}

struct Describing<'a> {
    workspace: &'a Workspace,
    screen: &'a Screen<'a>,
    located: &'a Located<'a>,
    folder: String,
    segment: Lent<'a, Segment>,
    table: Lent<'a, Screened>,
    describer: Lent<'a, Describer>,
    facts: Facts<'a>,
    receipt: ContextReceipt,
}

/// Facts of the current segment's documents.
struct Facts<'a> {
    /// Row in the shard per document of the unit.
    rows: Vec<u64>,
    /// Per document of the unit.
    canonical: &'a [bool],
    /// Locality ordinals per axis and document of the unit, shifted by one; 0 stands for none.
    localities: Vec<Vec<u32>>,
    /// Documents of the unit before the current segment.
    before: usize,
    /// Positions of unusual tokens in their document.
    unusual: Vec<u32>,
    /// Where in `unusual` those of each document end.
    unusual_ends: Vec<usize>,
}

impl<'a> Facts<'a> {
    fn new(corpus: &'a Corpus, unit_ord: usize, table: DocumentsTable) -> Self {
        let axes = table.axes.iter().enumerate();
        let localities = axes.map(|(axis, column)| {
            let shifted =
                |value: &String| corpus.locality(axis, value).unwrap_or(NO_VALUE).wrapping_add(1);
            let values: Vec<u32> = column.values.iter().map(shifted).collect();
            let document = |&index: &u32| values.get(index as usize).copied().unwrap_or(0);
            column.indices.iter().map(document).collect()
        });
        let localities = localities.collect();
        Self {
            rows: table.rows,
            canonical: &corpus.canonical[unit_ord],
            localities,
            before: 0,
            unusual: Vec::new(),
            unusual_ends: Vec::new(),
        }
    }

    /// Goes on to `segment`; `unusual` holds positions in it.
    fn enter(&mut self, segment: &Segment) {
        self.unusual_ends.clear();
        let mut next = 0;
        for range in segment.ranges() {
            while self.unusual.get(next).is_some_and(|&at| (at as usize) < range.end) {
                self.unusual[next] -= range.start as u32;
                next += 1;
            }
            self.unusual_ends.push(next);
        }
    }
}

impl DocumentFacts for Facts<'_> {
    fn is_canonical(&self, document: u32) -> bool {
        self.canonical.get(self.before + document as usize).copied().unwrap_or(false)
    }

    fn unusual(&self, document: u32) -> &[u32] {
        let document = document as usize;
        let start = document.checked_sub(1).map_or(0, |before| self.unusual_ends[before]);
        &self.unusual[start..self.unusual_ends[document]]
    }

    fn localities(&self, document: u32, put: &mut dyn FnMut(u32)) {
        let at = self.before + document as usize;
        self.localities.iter().for_each(|axis| put(axis.get(at).copied().unwrap_or(0)));
    }
}

impl<'a> Describing<'a> {
    fn new(
        workspace: &'a Workspace,
        screen: &'a Screen<'a>,
        located: &'a Located<'a>,
        folder: String,
    ) -> Result<Self, TaskError> {
        let table = read_table(workspace, &located.counted.receipt)?;
        Ok(Self {
            workspace,
            screen,
            located,
            folder,
            segment: workspace.memory.segments.lend(),
            table: workspace.memory.tables.lend(),
            describer: workspace.memory.describers.lend(),
            facts: Facts::new(screen.corpus, located.unit_ord, table),
            receipt: ContextReceipt::default(),
        })
    }

    /// Reads the segment of a counted run.
    fn read(&mut self, run: &Run, stream: &Output) -> Result<(), TaskError> {
        let unusual = &mut self.facts.unusual;
        read_segment(self.workspace, run, stream, &mut self.segment, unusual)?;
        self.facts.enter(&self.segment);
        Ok(())
    }

    /// Fills the table with what matters of this segment.
    fn load_table(&mut self, run: usize) -> Result<(), TaskError> {
        let screened = ScreenedRun::read(self.workspace, self.screen.objects, run)?;
        self.table.reset(screened.entries(|_| true)?);
        let table = &mut self.table;
        screened.each(|key, frame| table.insert_block(frame.payload).in_object(key))
    }

    fn segment(&mut self, run: &Run, stream: &Output) -> Result<(), TaskError> {
        self.read(run, stream)?;
        let index = self.receipt.runs.len();
        self.load_table(self.located.first_run + index)?;
        let &Run { documents, tokens, .. } = run;
        let header = self.workspace.header(Kind::Context, documents, tokens);
        let rules = &self.screen.rules;
        let mut object =
            self.describer.describe(&self.segment, &mut self.table, &self.facts, rules, header);
        let key = format!("{}/run-{index:05}", self.folder);
        let output = commit(self.workspace, key, &mut object)?;
        self.describer.recycle(object);
        for measured in self.describer.surprisals() {
            let row = self.facts.rows[self.facts.before + measured.document as usize];
            self.receipt.surprisal.add(MeasuredDocument::new(row, measured));
        }
        self.receipt.runs.push(Run { output, documents, tokens });
        self.facts.before += self.segment.documents();
        Ok(())
    }
}
