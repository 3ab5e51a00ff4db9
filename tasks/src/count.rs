//! The count wave: per unit, exact df and cf of every n-gram as sorted runs, one per segment,
//! the tokens of every segment, the documents table, and a sketch of every document.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taster_ngrams::Segment;
use taster_ngrams::count::Counter;
use taster_ngrams::object::Kind;
use taster_ngrams::stream;
use taster_planning::{Digest, DigestBuilder, Quarantine, RowGroupEntry, Unit};
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::documents::DocumentsBuilder;
use crate::memory::Lent;
use crate::segments::{Visitor, walk};
use crate::signatures::{MatchReceipt, Matching, matches};
use crate::sketches::Sketches;
use crate::unusual::UnusualTokens;
use crate::workspace::Workspace;

/// An object that a task has committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Output {
    pub key: String,
    pub bytes: u64,
    pub digest: Digest,
}

/// The run of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub output: Output,
    pub documents: u64,
    pub tokens: u64,
}

/// What a count task leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CountReceipt {
    pub rows: u64,
    pub nulls: u64,
    pub truncated: u64,
    pub invalid_utf8: u64,
    pub text_bytes: u64,
    pub runs: Vec<Run>,
    /// The token stream of every run's segment.
    pub streams: Vec<Output>,
    pub documents: Option<Output>,
    /// The sketches of its documents, which follow from the texts that `documents` has digests of.
    pub sketches: Option<Output>,
    pub quarantine: Option<Quarantine>,
    /// What the texts match of the known signatures; has a receipt of its own, because counts do
    /// not depend on the list.
    #[serde(skip)]
    pub matches: MatchReceipt,
}

impl CountReceipt {
    pub(crate) fn tokens(&self) -> u64 {
        self.runs.iter().map(|run| run.tokens).sum()
    }

    fn outputs(&self) -> impl Iterator<Item = &Output> {
        let runs = self.runs.iter().map(|run| &run.output);
        runs.chain(&self.streams).chain(&self.documents).chain(&self.sketches)
    }

    pub(crate) fn digest(&self) -> Digest {
        let runs = self.runs.iter().map(|run| run.output.digest);
        let outputs = runs.chain(self.documents.iter().map(|documents| documents.digest));
        outputs
            .fold(DigestBuilder::new("taster counted 1"), |builder, digest| builder.digest(&digest))
            .finish()
    }
}

/// Folder of a count task: a digest of the unit, the parameters and the segment size.
pub(crate) fn folder(workspace: &Workspace, unit: &Unit) -> String {
    let shard = &workspace.manifest.shards[unit.shard_ord as usize];
    let mut builder = DigestBuilder::new("taster count 5")
        .digest(&workspace.parameters.counting())
        .digest(&unit.identity(shard))
        .number(workspace.segment_tokens as u64);
    for axis in &workspace.manifest.axes {
        builder = builder.text(axis);
    }
    if let Some(overlaid) = overlaid(workspace, unit) {
        builder = builder.text("overlaid").bytes(&overlaid);
    }
    format!("count/{}", builder.finish().short())
}

/// What the texts of a unit depend on besides what is stored.
fn overlaid(workspace: &Workspace, unit: &Unit) -> Option<[u8; 32]> {
    let overlay = workspace.sources.overlay()?;
    let shard = &workspace.manifest.shards[unit.shard_ord as usize];
    let rows = |groups: &[RowGroupEntry]| groups.iter().map(|group| group.rows).sum::<u64>();
    let first = rows(&shard.row_groups[..unit.row_group_start as usize]);
    let end = rows(&shard.row_groups[..unit.row_group_end as usize]);
    overlay.identity(&shard.key, first..end)
}

/// Counts one unit, or finds it counted. The second value says which.
pub(crate) fn count(workspace: &Workspace, unit: &Unit) -> Result<(CountReceipt, bool), TaskError> {
    let folder = folder(workspace, unit);
    let receipt_key = format!("{folder}/receipt.json");
    if let Some(mut receipt) = workspace.receipt::<CountReceipt>(&receipt_key)?
        && workspace.intact(receipt.outputs())?
    {
        if receipt.quarantine.is_none() {
            receipt.matches = matches(workspace, unit)?;
        }
        return Ok((receipt, true));
    }
    let mut counting = Counting::new(workspace, folder);
    let receipt = match walk(workspace, unit, Want { axes: true, ids: false }, &mut counting) {
        Ok(()) => counting.finish(unit)?,
        Err(TaskError::Shard(quarantine)) => {
            CountReceipt { quarantine: Some(quarantine), ..CountReceipt::default() }
        }
        Err(other) => return Err(other),
    };
    // A shard that changed is not a property of what the key names: do not remember it.
    let changed = receipt.quarantine.as_ref().is_some_and(is_passing);
    if !changed {
        workspace.commit_receipt(&receipt_key, &receipt)?;
    }
    Ok((receipt, false))
}

fn is_passing(quarantine: &Quarantine) -> bool {
    quarantine.reason == taster_planning::QuarantineReason::Changed
}

struct Counting<'a> {
    workspace: &'a Workspace,
    folder: String,
    counter: Lent<'a, Counter>,
    documents: DocumentsBuilder,
    sketches: Sketches,
    unusual: UnusualTokens,
    matching: Matching,
    stream: Lent<'a, Vec<u8>>,
    receipt: CountReceipt,
}

impl<'a> Counting<'a> {
    fn new(workspace: &'a Workspace, folder: String) -> Self {
        let documents = DocumentsBuilder::new(workspace.manifest.axes.len());
        Self {
            workspace,
            folder,
            counter: workspace.memory.counters.lend(),
            documents,
            sketches: Sketches::default(),
            unusual: UnusualTokens::default(),
            matching: Matching::new(workspace),
            stream: workspace.memory.slices.lend(),
            receipt: CountReceipt::default(),
        }
    }

    /// Commits the tokens of a segment for the context wave.
    fn commit_stream(&mut self, segment: &Segment) -> Result<(), TaskError> {
        let (documents, tokens) = (segment.documents() as u64, segment.tokens() as u64);
        let header = self.workspace.header(Kind::Tokens, documents, tokens);
        let memory = std::mem::take(&mut *self.stream);
        let mut object = stream::encode(segment, self.unusual.positions(segment), header, memory);
        let key = format!("{}/tokens-{:05}", self.folder, self.receipt.streams.len());
        self.receipt.streams.push(commit(self.workspace, key, &mut object)?);
        *self.stream = object;
        self.unusual.clear();
        Ok(())
    }

    fn finish(mut self, unit: &Unit) -> Result<CountReceipt, TaskError> {
        let documents = std::mem::take(&mut self.documents).finish();
        let (count, tokens) = (documents.rows.len() as u64, self.receipt.tokens());
        let header = |kind| self.workspace.header(kind, count, tokens);
        let mut object = documents.encode(header(Kind::Documents))?;
        let key = format!("{}/documents", self.folder);
        self.receipt.documents = Some(commit(self.workspace, key, &mut object)?);
        self.receipt.matches = self.matching.commit(self.workspace, unit)?;
        let mut object = self.sketches.encode(header(Kind::Sketches));
        let key = format!("{}/sketches", self.folder);
        self.receipt.sketches = Some(commit(self.workspace, key, &mut object)?);
        Ok(self.receipt)
    }
}

/// Commits an object under `key` and says what it is. Afterwards `object` is empty, but has
/// the same memory if the store has let go of it.
pub(crate) fn commit(
    workspace: &Workspace,
    key: String,
    object: &mut Vec<u8>,
) -> Result<Output, TaskError> {
    let output = Output { key, bytes: object.len() as u64, digest: Digest::of(object) };
    let bytes = Bytes::from(std::mem::take(object));
    workspace.store.commit_named(&output.key, bytes.clone())?;
    if let Ok(mut memory) = bytes.try_into_mut() {
        memory.clear();
        *object = Vec::from(memory);
    }
    Ok(output)
}

impl Visitor for Counting<'_> {
    fn row(
        &mut self,
        batch: &DocumentBatch,
        index: usize,
        segment: &Segment,
    ) -> Result<(), TaskError> {
        self.receipt.rows += 1;
        let Some(text) = batch.text(index) else {
            self.receipt.nulls += 1;
            return Ok(());
        };
        self.receipt.text_bytes += text.len() as u64;
        self.receipt.truncated += u64::from(batch.truncated(index));
        self.receipt.invalid_utf8 += u64::from(batch.invalid_utf8(index));
        self.documents.push(batch.row(index), text, |axis| batch.axis(axis, index));
        self.unusual.push(text, segment.last().0);
        self.matching.push(text);
        Ok(())
    }

    fn segment(&mut self, segment: &Segment) -> Result<(), TaskError> {
        let workspace = self.workspace;
        let config = workspace.parameters.counting().0;
        let orders = workspace.parameters.orders.whole();
        let mut run = self.counter.count(segment, orders, workspace.parameters.seed, config);
        let key = format!("{}/run-{:05}", self.folder, self.receipt.runs.len());
        let output = commit(workspace, key, &mut run)?;
        self.counter.recycle(run);
        let (documents, tokens) = (segment.documents() as u64, segment.tokens() as u64);
        self.receipt.runs.push(Run { output, documents, tokens });
        self.sketches.push(segment, self.counter.fingerprinter());
        self.commit_stream(segment)
    }
}
