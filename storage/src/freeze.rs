//! The manifest: listing, footers and columns, fixed before the first document is read.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use taster_planning::{
    AxisSource, Manifest, Parameters, Quarantine, QuarantineReason, RowGroupEntry, ShardColumns,
    ShardEntry,
};
use tokio::runtime::Handle;

use crate::columns::{self, Column};
use crate::inputs::{Candidate, Expander};
use crate::location::Buckets;
use crate::object::{Pinned, Version};
use crate::{ReadError, Sources, StorageError, footer, keys};

/// Footers that are read at the same time.
const FOOTERS_IN_FLIGHT: usize = 16;

/// A manifest and where its shards are.
#[derive(Debug)]
pub struct Frozen {
    /// What is audited.
    pub manifest: Manifest,
    /// Where it is read from, indexed like the manifest's shards.
    pub sources: Sources,
}

/// Lists `inputs`, reads the footer of every shard and finds its columns.
///
/// An input is a Parquet file, a folder or prefix (searched for `*.parquet`, without names that
/// begin with `.` or `_`), a pattern, an `s3://` or `file://` URL, or `@list.txt`. Shards are
/// sorted by key and named once however often they are given. A shard that cannot be read is an
/// entry with a quarantine record; its words depend on its bytes alone, so the same corpus gives
/// the same manifest on disk and on S3, entity tags apart.
///
/// # Errors
/// Trouble with a store; an input that names nothing; a column or axis that was asked for and
/// that no shard has.
pub fn freeze(
    inputs: &[String],
    parameters: &Parameters,
    runtime: &Handle,
) -> Result<Frozen, StorageError> {
    let buckets = Buckets::default();
    let expander = Expander { buckets: &buckets, runtime };
    let candidates = gather(inputs, &expander)?;
    let plans = plan_all(&candidates, parameters, runtime)?;
    let manifest = assemble(plans, parameters)?;
    let places = candidates.into_iter().map(|(_, candidate)| candidate.place);
    let sources = Sources::new(places.collect(), runtime);
    Ok(Frozen { manifest, sources })
}

/// All objects with their keys, sorted by key, each once.
fn gather(
    inputs: &[String],
    expander: &Expander,
) -> Result<Vec<(String, Candidate)>, StorageError> {
    if inputs.is_empty() {
        return Err(StorageError::Input("no input was given".to_owned()));
    }
    let expanded = inputs.iter().map(|input| expander.expand(input));
    let expanded = expanded.collect::<Result<Vec<_>, _>>()?;
    let root = keys::common(expanded.iter().map(|input| &input.root));
    let candidates = expanded.into_iter().flat_map(|input| input.candidates);
    let mut keyed: Vec<_> =
        candidates.map(|candidate| (keys::key(&candidate.address, &root), candidate)).collect();
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    keyed.dedup_by(|a, b| a.0 == b.0);
    Ok(keyed)
}

/// A shard as far as it can be planned by itself.
struct Plan {
    key: String,
    version: Version,
    body: Result<Readable, Quarantine>,
}

/// What the footer of a readable shard says.
struct Readable {
    columns: Vec<Column>,
    text: String,
    id: Option<String>,
    row_groups: Vec<RowGroupEntry>,
}

fn plan_all(
    candidates: &[(String, Candidate)],
    parameters: &Parameters,
    runtime: &Handle,
) -> Result<Vec<Plan>, StorageError> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(candidates.len()));
    let work = || {
        while let Some((ord, (key, candidate))) = take(&next, candidates) {
            let plan = plan(key, candidate, parameters, runtime);
            // Nothing more is asked of a store that is in trouble.
            if plan.is_err() {
                next.store(candidates.len(), Ordering::Relaxed);
            }
            done.lock().unwrap_or_else(PoisonError::into_inner).push((ord, plan));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..FOOTERS_IN_FLIGHT.min(candidates.len()) {
            scope.spawn(work);
        }
    });
    let mut plans = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    plans.sort_by_key(|(ord, _)| *ord);
    plans.into_iter().map(|(_, plan)| plan).collect()
}

fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let ord = next.fetch_add(1, Ordering::Relaxed);
    items.get(ord).map(|item| (ord, item))
}

fn plan(
    key: &str,
    candidate: &Candidate,
    parameters: &Parameters,
    runtime: &Handle,
) -> Result<Plan, StorageError> {
    let mut version = candidate.version.clone();
    // A list may give a size alone; the tag is then pinned as of now.
    if version.etag.is_none()
        && let Some(now) = candidate.place.version(runtime)?
    {
        version.etag = now.etag;
    }
    let body = Pinned::open(key, &candidate.place, &version, runtime)
        .and_then(|object| readable(&object, parameters));
    let body = match body {
        Ok(readable) => Ok(readable),
        Err(ReadError::Shard(quarantine)) => Err(quarantine),
        Err(ReadError::Store(error)) => return Err(error),
    };
    let key = key.to_owned();
    Ok(Plan { key, version, body })
}

fn readable(object: &Pinned, parameters: &Parameters) -> Result<Readable, ReadError> {
    let metadata = footer::read(object, &parameters.limits)?;
    let columns = columns::of(metadata.file_metadata().schema_descr());
    let text = columns::text(object.key(), &columns, parameters)?.clone();
    let row_groups = row_groups(object, &metadata, &text)?;
    Ok(Readable { id: columns::id(&columns, parameters), text: text.name, columns, row_groups })
}

fn row_groups(
    object: &Pinned,
    metadata: &ParquetMetaData,
    text: &Column,
) -> Result<Vec<RowGroupEntry>, ReadError> {
    let corrupt = |detail: &str| ReadError::shard(object.key(), QuarantineReason::Corrupt, detail);
    let leaf = text.leaf.ok_or_else(|| corrupt("the text column has no values"))?;
    let sizes = columns::sizes(metadata, leaf)
        .ok_or_else(|| corrupt("a row group has no size for the text column"))?;
    let mut entries = Vec::with_capacity(sizes.len());
    for (group, (text_bytes, compressed_bytes)) in metadata.row_groups().iter().zip(sizes) {
        if group.column(leaf).compression() == Compression::LZO {
            let detail = "codec LZO is not supported";
            return Err(ReadError::shard(object.key(), QuarantineReason::Unsupported, detail));
        }
        entries.push(RowGroupEntry {
            rows: group.num_rows().unsigned_abs(),
            text_bytes,
            compressed_bytes,
        });
    }
    Ok(entries)
}

fn assemble(plans: Vec<Plan>, parameters: &Parameters) -> Result<Manifest, StorageError> {
    let axes = axes(&plans, parameters)?;
    check_id(&plans, parameters)?;
    let shards = plans.into_iter().map(|plan| entry(plan, &axes)).collect();
    Ok(Manifest { axes, shards })
}

/// The axes that at least one readable shard has; all that were asked for by name must be among them.
fn axes(plans: &[Plan], parameters: &Parameters) -> Result<Vec<String>, StorageError> {
    let readable: Vec<_> = plans.iter().filter_map(|plan| plan.body.as_ref().ok()).collect();
    let mut axes = columns::axis_names(parameters);
    let has =
        |shard: &&Readable, axis: &str| columns::axis(&shard.columns, axis) != AxisSource::Absent;
    let in_any = |axis: &str| axis == "shard" || readable.iter().any(|shard| has(shard, axis));
    let is_label = |axis: &str| parameters.label_column.as_deref() == Some(axis);
    let is_asked = |axis: &str| parameters.axes.is_some() || is_label(axis);
    if let Some(axis) = axes.iter().find(|axis| is_asked(axis) && !in_any(axis))
        && !readable.is_empty()
    {
        let what = if is_label(axis) { "label column" } else { "axis" };
        return Err(nowhere(what, axis, &readable));
    }
    axes.retain(|axis| is_asked(axis) || in_any(axis));
    Ok(axes)
}

fn check_id(plans: &[Plan], parameters: &Parameters) -> Result<(), StorageError> {
    let Some(name) = &parameters.id_column else {
        return Ok(());
    };
    let readable: Vec<_> = plans.iter().filter_map(|plan| plan.body.as_ref().ok()).collect();
    match readable.is_empty() || readable.iter().any(|shard| shard.id.is_some()) {
        true => Ok(()),
        false => Err(nowhere("id column", name, &readable)),
    }
}

fn nowhere(what: &str, name: &str, readable: &[&Readable]) -> StorageError {
    let columns = readable.iter().flat_map(|shard| &shard.columns);
    let found: BTreeSet<_> =
        columns.map(|column| format!("{} ({})", column.name, column.shown)).collect();
    let found: Vec<_> = found.into_iter().collect();
    let found = found.join(", ");
    StorageError::Input(format!(
        "no shard has a column for {what} {name:?} that holds text, whole numbers, dates or booleans; found {found}"
    ))
}

fn entry(plan: Plan, axes: &[String]) -> ShardEntry {
    let (row_groups, columns, quarantine) = match plan.body {
        Ok(readable) => {
            let sources = axes.iter().map(|axis| columns::axis(&readable.columns, axis));
            let columns =
                ShardColumns { text: readable.text, id: readable.id, axes: sources.collect() };
            (readable.row_groups, Some(columns), None)
        }
        Err(quarantine) => (Vec::new(), None, Some(quarantine)),
    };
    ShardEntry {
        key: plan.key,
        size: plan.version.size,
        etag: plan.version.etag,
        rows: row_groups.iter().map(|group| group.rows).sum(),
        row_groups,
        columns,
        quarantine,
    }
}

#[cfg(test)]
mod tests;
