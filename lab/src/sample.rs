//! A small sample of a corpus, with every source in it.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use crate::corpus::{Corpus, CorpusSink, ID_COLUMNS, in_shard, optional, texts, value};
use crate::error::LabError;
use crate::seeding::mix;

/// How a sample is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Determines which documents are drawn and their order.
    pub seed: u64,
    /// Documents drawn, at most: a source with fewer than its share gives all it has, the others more.
    pub documents: usize,
    /// Longer texts, in bytes, are not drawn; nor are empty ones.
    pub text_bytes_max: usize,
    /// Shards written, named `part-00000.parquet` and on, of equal numbers of documents.
    pub shards: usize,
}

/// Writes a sample of `corpus` into `sink` and returns its number of documents.
///
/// Each source has the same share. Within a source documents are drawn by a seeded hash of id and text, and all are
/// written in the order of another one, so every shard holds documents of every source. Memory: 32 bytes per document
/// of the corpus, and the sample.
pub fn sample_corpus(
    corpus: &dyn Corpus,
    sink: &mut dyn CorpusSink,
    draw: &Draw,
) -> Result<u64, LabError> {
    let chosen = choose(corpus, draw)?;
    let mut drawn = gather(corpus, draw.seed, &chosen)?;
    // The hash that chose them is small for large sources: its own order would keep the sources apart.
    drawn.sort_by_key(|(hash, _)| (mix(*hash, b"order"), *hash));
    if drawn.is_empty() {
        return Err(LabError::NoText("to be sampled".to_owned()));
    }
    let rows: Vec<RecordBatch> = drawn.into_iter().map(|(_, row)| row).collect();
    let shards = draw.shards.max(1);
    for shard in 0..shards {
        let part = &rows[shard * rows.len() / shards..(shard + 1) * rows.len() / shards];
        let name = format!("part-{shard:05}.parquet");
        let batch =
            concat_batches(&rows[0].schema(), part).map_err(|source| in_shard(&name, source))?;
        sink.write(&name, &batch)?;
    }
    sink.finish()?;
    Ok(rows.len() as u64)
}

/// The hashes of the documents drawn.
fn choose(corpus: &dyn Corpus, draw: &Draw) -> Result<BTreeSet<u64>, LabError> {
    let mut sources: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    visit(corpus, draw.seed, &mut |hash, source, text, _| {
        if (1..=draw.text_bytes_max).contains(&text.len()) {
            sources.entry(source.to_owned()).or_default().insert(hash);
        }
    })?;
    let sizes: Vec<usize> = sources.values().map(BTreeSet::len).collect();
    let share = share(sizes, draw.documents);
    Ok(sources.into_values().flat_map(|hashes| hashes.into_iter().take(share)).collect())
}

/// The largest share at which all sources together give at most `wanted` documents.
fn share(mut sizes: Vec<usize>, wanted: usize) -> usize {
    sizes.sort_unstable();
    let mut left = wanted;
    for (position, size) in sizes.iter().enumerate() {
        let equal = left / (sizes.len() - position);
        if *size > equal {
            return equal;
        }
        left -= size;
    }
    wanted
}

/// The rows of the documents drawn, one batch each, with their hashes.
fn gather(
    corpus: &dyn Corpus,
    seed: u64,
    chosen: &BTreeSet<u64>,
) -> Result<Vec<(u64, RecordBatch)>, LabError> {
    let mut drawn = Vec::new();
    visit(corpus, seed, &mut |hash, _, _, row| {
        if chosen.contains(&hash) {
            drawn.push((hash, row()));
        }
    })?;
    Ok(drawn)
}

/// What is done with the hash, source, text and row of each document.
type OnDocument<'a> = dyn FnMut(u64, &str, &str, &dyn Fn() -> RecordBatch) + 'a;

fn visit(corpus: &dyn Corpus, seed: u64, on_document: &mut OnDocument<'_>) -> Result<(), LabError> {
    for shard in corpus.shards() {
        corpus.read(&shard, &mut |batch| {
            let texts = texts(&shard, &batch)?;
            let ids = optional(&shard, &batch, &ID_COLUMNS)?;
            let sources = optional(&shard, &batch, &["source"])?;
            let cell = |column: &Option<_>, row| {
                column.as_ref().and_then(|column| value(column, row).map(str::to_owned))
            };
            for row in 0..batch.num_rows() {
                let text = value(&texts, row).unwrap_or_default();
                let id = cell(&ids, row).unwrap_or_default();
                let source = cell(&sources, row).unwrap_or_default();
                // Documents of one id differ in their text, or need not be told apart.
                let hash = mix(mix(seed, id.as_bytes()), text.as_bytes());
                on_document(hash, &source, text, &|| batch.slice(row, 1));
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::corpus::MemoryCorpus;
    use crate::corpus::tests::corpus;

    #[test]
    fn a_share_is_filled_from_the_smallest_source() {
        assert_eq!(share(vec![5, 100, 100], 65), 30);
        assert_eq!(share(vec![5, 6], 100), 100);
        assert_eq!(share(vec![10, 10], 7), 3);
        assert_eq!(share(Vec::new(), 7), 7);
    }

    #[test]
    fn a_sample_has_every_source_and_is_the_same_each_time() {
        let draw = Draw { seed: 1, documents: 40, text_bytes_max: 1000, shards: 4 };
        let sample = |draw: &Draw| {
            let mut sink = MemoryCorpus::default();
            let documents = sample_corpus(&corpus(3, 40), &mut sink, draw).unwrap();
            (sink, documents)
        };
        let (shards, documents) = sample(&draw);
        assert_eq!(documents, 40);
        assert_eq!(sample(&draw).0, shards);
        assert_ne!(sample(&Draw { seed: 2, ..draw }).0, shards);
        let mut sources = BTreeMap::<String, usize>::new();
        visit(&shards, 0, &mut |_, source, _, _| {
            *sources.entry(source.to_owned()).or_default() += 1
        })
        .unwrap();
        assert_eq!(sources, BTreeMap::from([("s0".to_owned(), 20), ("s1".to_owned(), 20)]));
        assert_eq!(shards.shards().len(), 4);
        let mut per_shard = BTreeMap::<String, BTreeSet<String>>::new();
        for shard in shards.shards() {
            let mut visit = |batch: RecordBatch| {
                let sources = optional(&shard, &batch, &["source"])?.unwrap();
                let sources = sources.iter().flatten().map(str::to_owned);
                per_shard.entry(shard.clone()).or_default().extend(sources);
                Ok(())
            };
            shards.read(&shard, &mut visit).unwrap();
        }
        assert!(per_shard.values().all(|sources| sources.len() == 2), "{per_shard:?}");
    }

    #[test]
    fn long_texts_are_left_out() {
        let draw = Draw { seed: 1, documents: 40, text_bytes_max: 3, shards: 1 };
        let refused = sample_corpus(&corpus(1, 4), &mut MemoryCorpus::default(), &draw);
        assert!(matches!(refused, Err(LabError::NoText(_))));
    }
}
