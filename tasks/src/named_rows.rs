//! Rows that a report names are read again, for what it tells of them.

use std::collections::BTreeMap;

use taster_storage::{DocumentBatch, Want};

use crate::TaskError;
use crate::audit::Driver;
use crate::dispatch::run_wave;
use crate::workspace::Workspace;

/// Ordinal of a shard, and a row of it.
pub(crate) type ShardRow = (u32, u64);

/// What `tell` says of every one of these documents.
///
/// # Errors
/// As for [`crate::audit`]; a shard that turned bad since it was counted.
pub(crate) fn read_rows<T: Send>(
    driver: &Driver<'_>,
    places: impl Iterator<Item = ShardRow>,
    want: Want,
    tell: impl Fn(&DocumentBatch, usize, ShardRow) -> T + Sync,
) -> Result<BTreeMap<ShardRow, T>, TaskError> {
    let mut by_shard: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    places.for_each(|(shard, row)| by_shard.entry(shard).or_default().push(row));
    by_shard.values_mut().for_each(|rows| rows.sort_unstable());
    let shards: Vec<(u32, Vec<u64>)> = by_shard.into_iter().collect();
    let (workspace, rows) = (&driver.workspace, |shard: &(u32, Vec<u64>)| shard.1.len() as u64);
    let read = run_wave(driver.threads, &shards, rows, |(shard, rows)| {
        of_shard(workspace, *shard, rows, want, &tell)
    })?;
    Ok(read.into_iter().flatten().collect())
}

/// The same for one shard, at these rows, which ascend.
fn of_shard<T>(
    workspace: &Workspace,
    shard_ord: u32,
    rows: &[u64],
    want: Want,
    tell: impl Fn(&DocumentBatch, usize, ShardRow) -> T,
) -> Result<Vec<(ShardRow, T)>, TaskError> {
    let shard = &workspace.manifest.shards[shard_ord as usize];
    let limits = &workspace.parameters.limits;
    let mut stream = workspace.sources.rows(shard_ord, shard, rows, want, limits)?;
    let mut told = Vec::with_capacity(rows.len());
    while let Some(batch) = stream.next_batch()? {
        workspace.proceed()?;
        for index in (0..batch.len()).filter(|&index| rows.contains(&batch.row(index))) {
            let place = (shard_ord, batch.row(index));
            told.push((place, tell(&batch, index, place)));
        }
    }
    Ok(told)
}
