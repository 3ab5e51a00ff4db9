//! Documents in which a stretch is far more surprising than in others of their length, in words: their rows are read again.

use std::collections::BTreeMap;

use taster_findings::{RankedDocument, UnusualDocument};
use taster_ngrams::context::STRETCH;
use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::audit::Driver;
use crate::named_rows::read_rows;
use crate::workspace::Workspace;

/// Documents in the report.
pub(crate) const LISTED: usize = 20;
/// Characters of the stretch.
const EXCERPT: usize = 200;

/// What is read of a document.
struct Read {
    row_group: u32,
    id: String,
    axes: BTreeMap<String, Option<String>>,
    excerpt: String,
}

/// The documents as the report lists them.
///
/// # Errors
/// As for [`read_rows`].
pub(crate) fn unusual_documents(
    driver: &Driver<'_>,
    ranked: &[RankedDocument],
) -> Result<Vec<UnusualDocument>, TaskError> {
    let workspace = &driver.workspace;
    let place = |one: &RankedDocument| (one.document.shard_ord, one.document.row);
    let starts: BTreeMap<_, u32> =
        ranked.iter().map(|one| (place(one), one.document.peak_at)).collect();
    let want = Want { axes: true, ids: true };
    let read = read_rows(driver, ranked.iter().map(place), want, |batch, index, place| {
        read(workspace, batch, index, starts.get(&place).copied().unwrap_or(0) as usize)
    })?;
    let told = |one: &RankedDocument| {
        let shard = &workspace.manifest.shards[one.document.shard_ord as usize];
        read.get(&place(one)).map(|read| described(one, shard.key.clone(), read))
    };
    Ok(ranked.iter().filter_map(told).collect())
}

fn read(workspace: &Workspace, batch: &DocumentBatch, index: usize, peak_at: usize) -> Read {
    let names = workspace.manifest.axes.iter().enumerate();
    let value = |axis| batch.axis(axis, index).map(str::to_owned);
    Read {
        row_group: batch.row_group(index),
        id: batch.id(index).into_owned(),
        axes: names.map(|(axis, name)| (name.clone(), value(axis))).collect(),
        excerpt: stretch(workspace, batch.text(index).unwrap_or_default(), peak_at),
    }
}

/// How the stretch begins that starts with this token.
fn stretch(workspace: &Workspace, text: &str, peak_at: usize) -> String {
    let mut spans = Vec::new();
    workspace.tokenizer.spans(text, &mut spans);
    let own = &spans[peak_at.min(spans.len())..];
    let own = &own[..STRETCH.min(own.len())];
    let range =
        own.first().zip(own.last()).map(|(first, last)| first.start as usize..last.end as usize);
    let whole = range.and_then(|range| text.get(range)).unwrap_or_default();
    whole.chars().take(EXCERPT).collect()
}

fn described(one: &RankedDocument, shard: String, read: &Read) -> UnusualDocument {
    let document = &one.document;
    UnusualDocument {
        shard,
        row_group: read.row_group.cast_signed(),
        row: document.row.cast_signed(),
        id: read.id.clone(),
        axes: read.axes.clone(),
        tokens: i64::from(document.tokens),
        mean_bits: document.mean_bits(),
        peak_bits: document.peak_bits(),
        peak_token: i64::from(document.peak_at),
        z: one.z,
        mean_z: one.mean_z,
        excerpt: read.excerpt.clone(),
    }
}
