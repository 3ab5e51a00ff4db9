//! The floor: reading all text of a corpus, with and without tokenising it.

use std::hint::black_box;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};
use taster_ngrams::{Segment, Words};
use taster_planning::{Parameters, Unit, partition};
use taster_storage::{Frozen, Want, freeze};
use taster_tasks::Resources;
use tokio::runtime::Handle;

use crate::error::BenchError;

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Files.
    pub shards: u64,
    /// Their bytes.
    pub file_bytes: u64,
    /// Rows that have text.
    pub documents: u64,
    /// Bytes of decoded text.
    pub text_bytes: u64,
    /// Tokens; 0 if they were not asked for.
    pub tokens: u64,
}

impl AddAssign for Read {
    fn add_assign(&mut self, other: Self) {
        self.shards += other.shards;
        self.file_bytes += other.file_bytes;
        self.documents += other.documents;
        self.text_bytes += other.text_bytes;
        self.tokens += other.tokens;
    }
}

/// Decodes the text column of all units that an audit with `resources` would cut, over as many
/// threads, and cuts, hashes and numbers every token as for counting if `tokens` says so.
///
/// # Errors
/// Trouble with the input; a shard that cannot be read.
pub fn read(
    input: &str,
    resources: &Resources,
    tokens: bool,
    runtime: &Handle,
) -> Result<Read, BenchError> {
    let parameters = Parameters::default();
    let frozen = freeze(&[input.to_owned()], &parameters, runtime)?;
    let units = partition(&frozen.manifest, resources.unit_bytes());
    let (next, segment_tokens) = (AtomicUsize::new(0), resources.segment_tokens());
    let reading = Reading { frozen, parameters, units, next, tokens, segment_tokens };
    let mut sum = Read {
        shards: reading.frozen.manifest.shards.len() as u64,
        file_bytes: reading.frozen.manifest.shards.iter().map(|shard| shard.size).sum(),
        ..Read::default()
    };
    for part in reading.over(resources.threads) {
        sum += part?;
    }
    Ok(sum)
}

struct Reading {
    frozen: Frozen,
    parameters: Parameters,
    units: Vec<Unit>,
    /// The next unit that nobody has taken.
    next: AtomicUsize,
    tokens: bool,
    /// Tokens of a segment.
    segment_tokens: usize,
}

impl Reading {
    fn over(&self, threads: usize) -> Vec<Result<Read, BenchError>> {
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.worker())).collect();
            let ended = workers.into_iter().map(|worker| worker.join());
            ended.map(|end| end.unwrap_or(Err(BenchError::Panicked))).collect()
        })
    }

    fn worker(&self) -> Result<Read, BenchError> {
        let mut sum = Read::default();
        let mut segment = Segment::default();
        while let Some(unit) = self.units.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            self.unit(unit, &mut segment, &mut sum)?;
        }
        Ok(sum)
    }

    fn unit(&self, unit: &Unit, segment: &mut Segment, sum: &mut Read) -> Result<(), BenchError> {
        let Frozen { manifest, sources } = &self.frozen;
        let shard = &manifest.shards[unit.shard_ord as usize];
        let groups = unit.row_group_start..unit.row_group_end;
        let limits = &self.parameters.limits;
        let mut stream =
            sources.documents(unit.shard_ord, shard, groups, Want::default(), limits)?;
        while let Some(batch) = stream.next_batch()? {
            for text in (0..batch.len()).filter_map(|index| batch.text(index)) {
                sum.documents += 1;
                sum.text_bytes += black_box(text).len() as u64;
                if self.tokens {
                    if segment.is_full(self.segment_tokens) {
                        segment.clear();
                    }
                    segment.push(text, &Words, self.parameters.seed);
                    sum.tokens += black_box(segment.last().0).len() as u64;
                }
            }
        }
        Ok(())
    }
}
