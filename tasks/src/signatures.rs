//! What the texts of a unit match of the known signatures: found while the unit is counted, or by
//! reading its texts once more if it was counted for an audit with another list.
//!
//! A match is kept as the n-gram of the tokens that it touches, so that the evidence wave finds it
//! again as it finds any candidate.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taster_ngrams::fingerprint::fingerprint;
use taster_ngrams::{Span, Tokenizer};
use taster_planning::{DigestBuilder, Unit};
use taster_storage::Want;

use crate::TaskError;
use crate::count::folder as count_folder;
use crate::matcher::{Matcher, Suspects};
use crate::workspace::Workspace;

/// Documents per signature of which the matches are kept, the first of the corpus; the others are
/// counted. Independent of units, so that the result is.
pub(crate) const LISTED_DOCUMENTS: usize = 10_000;
/// The same for all signatures of a long list together.
const LISTED_IN_ALL: usize = 1 << 20;
/// Different token sequences that one signature can give one document.
const PER_DOCUMENT: usize = 4;
/// Tokens of a match that are kept: of a longer one the first.
const LONGEST: usize = 32;

/// The tokens that a match touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Touched {
    pub order: u8,
    pub fingerprint: u64,
}

/// What one signature matches in a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matched {
    /// Its place in the list.
    pub signature: u32,
    /// Documents with a match, all of them.
    pub documents: u64,
    /// Matches, all of them.
    pub occurrences: u64,
    /// The first documents, by their ordinal in the unit, and what the matches in them touch.
    pub first: Vec<(u32, Vec<Touched>)>,
}

/// What the texts of a unit match, by signature; those that match nothing are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MatchReceipt(pub Vec<Matched>);

/// Documents per signature that are kept of a list of so many.
pub(crate) fn listed(signatures: usize) -> usize {
    LISTED_DOCUMENTS.min(LISTED_IN_ALL / signatures.max(1))
}

/// Key of what a unit matches; `None` if nothing is looked for.
fn key(workspace: &Workspace, unit: &Unit) -> Option<String> {
    let matching = workspace.parameters.matching()?;
    let digest = DigestBuilder::new("taster matches 1")
        .text(&count_folder(workspace, unit))
        .digest(&matching)
        .finish();
    Some(format!("matches/{}/receipt.json", digest.short()))
}

/// What a counted unit matches: committed, or found in its texts now.
pub(crate) fn matches(workspace: &Workspace, unit: &Unit) -> Result<MatchReceipt, TaskError> {
    let Some(key) = key(workspace, unit) else {
        return Ok(MatchReceipt::default());
    };
    if let Some(receipt) = workspace.receipt(&key)? {
        return Ok(receipt);
    }
    let mut matching = Matching::new(workspace);
    let shard = &workspace.manifest.shards[unit.shard_ord as usize];
    let (groups, limits) = (unit.row_group_start..unit.row_group_end, &workspace.parameters.limits);
    let mut stream =
        workspace.sources.documents(unit.shard_ord, shard, groups, Want::default(), limits)?;
    while let Some(batch) = stream.next_batch()? {
        workspace.proceed()?;
        (0..batch.len()).filter_map(|index| batch.text(index)).for_each(|text| matching.push(text));
    }
    matching.commit(workspace, unit)
}

/// Looks for signatures in the documents of a unit, which come in row order.
pub(crate) struct Matching {
    matcher: Option<Arc<Matcher>>,
    tokenizer: &'static dyn Tokenizer,
    seed: u64,
    listed: usize,
    documents: u32,
    /// By signature.
    found: Vec<Matched>,
    suspects: Suspects,
    /// Of the document at hand, if a signature matches it.
    spans: Vec<Span>,
    hashes: Vec<u64>,
}

impl Matching {
    pub(crate) fn new(workspace: &Workspace) -> Self {
        let signatures = workspace.parameters.signatures.len();
        let matched = |signature| Matched { signature, ..Matched::default() };
        Self {
            matcher: workspace.matcher.clone(),
            tokenizer: workspace.tokenizer,
            seed: workspace.parameters.seed,
            listed: listed(signatures),
            documents: 0,
            found: (0..signatures as u32).map(matched).collect(),
            suspects: Suspects::default(),
            spans: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// Looks at the next document that has a text.
    pub(crate) fn push(&mut self, text: &str) {
        let Some(matcher) = self.matcher.clone() else {
            return;
        };
        self.spans.clear();
        let mut suspects = std::mem::take(&mut self.suspects);
        matcher.find(text, &mut suspects, |signature, place| self.add(text, signature, place));
        self.suspects = suspects;
        self.documents += 1;
    }

    fn add(&mut self, text: &str, signature: u32, place: Range<usize>) {
        let touched = self.touched(text, place);
        let document = self.documents;
        let found = &mut self.found[signature as usize];
        found.occurrences += 1;
        if found.first.last().is_none_or(|(last, _)| *last != document) {
            // Beyond the listed ones the last entry is of no document that is looked at.
            found.documents += 1;
            found.first.truncate(self.listed);
            found.first.push((document, Vec::new()));
        }
        let Some(((_, known), touched)) = found.first.last_mut().zip(touched) else {
            return;
        };
        if known.len() < PER_DOCUMENT && !known.contains(&touched) {
            known.push(touched);
        }
    }

    /// The tokens that a match touches; of one between tokens those beside it. `None` in a text
    /// without tokens.
    fn touched(&mut self, text: &str, place: Range<usize>) -> Option<Touched> {
        if self.spans.is_empty() {
            self.tokenizer.spans(text, &mut self.spans);
            self.hashes.clear();
            self.tokenizer.hashes_of(text, &self.spans, self.seed, &mut self.hashes);
        }
        let mut from = self.spans.partition_point(|span| span.end as usize <= place.start);
        let mut to = self.spans.partition_point(|span| (span.start as usize) < place.end);
        if from >= to {
            (from, to) = (from.saturating_sub(1), (from + 1).min(self.spans.len()));
        }
        to = to.min(from + LONGEST);
        let hashes = self.hashes.get(from..to).filter(|hashes| !hashes.is_empty())?;
        Some(Touched { order: hashes.len() as u8, fingerprint: fingerprint(hashes) })
    }

    /// Commits what was found in all documents of the unit.
    pub(crate) fn commit(
        mut self,
        workspace: &Workspace,
        unit: &Unit,
    ) -> Result<MatchReceipt, TaskError> {
        self.found.retain(|matched| matched.documents > 0);
        self.found.iter_mut().for_each(|matched| matched.first.truncate(self.listed));
        let receipt = MatchReceipt(self.found);
        if let Some(key) = key(workspace, unit) {
            workspace.commit_receipt(&key, &receipt)?;
        }
        Ok(receipt)
    }
}
