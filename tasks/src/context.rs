//! The context wave: per unit, where the screened n-grams stand.

use serde::{Deserialize, Serialize};
use taster_ngrams::block;
use taster_ngrams::context::{Describer, DocumentFacts, Rules};
use taster_ngrams::lookup::Screened;
use taster_ngrams::object::{Frame, Kind, take_frame};
use taster_ngrams::{Segment, Span};
use taster_planning::DigestBuilder;
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::corpus::{Corpus, Counted};
use crate::count::{Run, commit, folder as count_folder};
use crate::documents::NO_VALUE;
use crate::error::InObject;
use crate::memory::Lent;
use crate::segments::{Visitor, walk};
use crate::unusual::unusual_tokens;
use crate::workspace::{Opened, Workspace};

/// What a context task leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContextReceipt {
    pub runs: Vec<Run>,
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
    let digest = DigestBuilder::new("taster context 2")
        .text(&count_folder(workspace, unit))
        .bytes(&screen.digest)
        .number(located.first_run as u64)
        .finish();
    let folder = format!("context/{}", digest.short());
    let receipt_key = format!("{folder}/receipt.json");
    if let Some(receipt) = workspace.receipt::<ContextReceipt>(&receipt_key)?
        && workspace.intact(receipt.runs.iter().map(|run| &run.output))?
    {
        return Ok((receipt, true));
    }
    let mut describing = Describing::new(workspace, screen, located, folder);
    walk(workspace, unit, Want { axes: true, ids: false }, &mut describing)?;
    let receipt = describing.finish()?;
    workspace.commit_receipt(&receipt_key, &receipt)?;
    Ok((receipt, false))
}

struct Describing<'a> {
    workspace: &'a Workspace,
    screen: &'a Screen<'a>,
    located: &'a Located<'a>,
    folder: String,
    table: Lent<'a, Screened>,
    describer: Lent<'a, Describer>,
    facts: Facts,
    /// Documents of the unit before the current segment.
    documents_before: usize,
    spans: Vec<Span>,
    receipt: ContextReceipt,
}

/// Facts of the current segment's documents.
#[derive(Debug, Default)]
struct Facts {
    canonical: Vec<bool>,
    unusual: Vec<Vec<u32>>,
    localities: Vec<u32>,
    axes: usize,
}

impl DocumentFacts for Facts {
    fn is_canonical(&self, document: u32) -> bool {
        self.canonical[document as usize]
    }

    fn unusual(&self, document: u32) -> &[u32] {
        &self.unusual[document as usize]
    }

    /// Ordinals are shifted by one; 0 stands for no locality.
    fn localities(&self, document: u32, put: &mut dyn FnMut(u32)) {
        let at = document as usize * self.axes;
        self.localities[at..at + self.axes].iter().for_each(|locality| put(*locality));
    }
}

impl<'a> Describing<'a> {
    fn new(
        workspace: &'a Workspace,
        screen: &'a Screen<'a>,
        located: &'a Located<'a>,
        folder: String,
    ) -> Self {
        Self {
            workspace,
            screen,
            located,
            folder,
            table: workspace.memory.tables.lend(),
            describer: workspace.memory.describers.lend(),
            facts: Facts { axes: workspace.manifest.axes.len(), ..Facts::default() },
            documents_before: 0,
            spans: Vec::new(),
            receipt: ContextReceipt::default(),
        }
    }

    /// Fills the table with what matters of this segment.
    fn load_table(&mut self, run: usize) -> Result<(), TaskError> {
        let objects = self.screen.objects;
        let slices = objects.iter().map(|object| self.workspace.slices(object, run, run + 1));
        let slices = slices.collect::<Result<Vec<_>, _>>()?;
        let each = |visit: &mut dyn FnMut(&str, Frame<'_>) -> Result<(), TaskError>| {
            objects.iter().zip(&slices).try_for_each(|(object, slice)| {
                let mut rest = slice.as_ref();
                while let Some(frame) = take_frame(&mut rest).in_object(&object.key)? {
                    visit(&object.key, frame)?;
                }
                Ok(())
            })
        };
        let mut entries = 0;
        each(&mut |_, frame| {
            entries += block::entries(frame.payload);
            Ok(())
        })?;
        self.table.reset(entries);
        let table = &mut self.table;
        each(&mut |key, frame| table.insert_block(frame.payload).in_object(key))
    }

    fn finish(self) -> Result<ContextReceipt, TaskError> {
        let (expected, got) = (self.located.counted.receipt.runs.len(), self.receipt.runs.len());
        if expected == got {
            return Ok(self.receipt);
        }
        let detail = format!("expected {expected} segments as counted, got {got}");
        Err(TaskError::damaged(&self.folder, detail))
    }

    /// The counted run of the segment that is complete now.
    fn counted_run(&self) -> Option<&'a Run> {
        self.located.counted.receipt.runs.get(self.receipt.runs.len())
    }
}

impl Visitor for Describing<'_> {
    fn row(&mut self, batch: &DocumentBatch, index: usize) -> Result<(), TaskError> {
        let Some(text) = batch.text(index) else {
            return Ok(());
        };
        let document = self.documents_before + self.facts.canonical.len();
        let canonical = &self.screen.corpus.canonical[self.located.unit_ord];
        self.facts.canonical.push(canonical.get(document).copied().unwrap_or(false));
        let tokenizer = self.workspace.tokenizer;
        self.facts.unusual.push(unusual_tokens(text, tokenizer, &mut self.spans));
        for axis in 0..self.facts.axes {
            let value = batch.axis(axis, index);
            let locality = value.and_then(|value| self.screen.corpus.locality(axis, value));
            self.facts.localities.push(locality.unwrap_or(NO_VALUE).wrapping_add(1));
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment) -> Result<(), TaskError> {
        let (documents, tokens) = (segment.documents() as u64, segment.tokens() as u64);
        let fits = |run: &&Run| run.documents == documents && run.tokens == tokens;
        if self.counted_run().filter(fits).is_none() {
            let detail =
                format!("expected the counted segment, got {documents} documents, {tokens} tokens");
            return Err(TaskError::damaged(&self.folder, detail));
        }
        let index = self.receipt.runs.len();
        self.load_table(self.located.first_run + index)?;
        let header = self.workspace.header(Kind::Context, documents, tokens);
        let rules = &self.screen.rules;
        let mut object =
            self.describer.describe(segment, &mut self.table, &self.facts, rules, header);
        let key = format!("{}/run-{index:05}", self.folder);
        let output = commit(self.workspace, key, &mut object)?;
        self.describer.recycle(object);
        self.receipt.runs.push(Run { output, documents, tokens });
        self.documents_before += segment.documents();
        self.facts.canonical.clear();
        self.facts.unusual.clear();
        self.facts.localities.clear();
        Ok(())
    }
}
