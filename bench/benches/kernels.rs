//! Micro-benchmarks of the counting kernels, on the text of the shipped sample.
//!
//! `cargo bench -p taster-bench` runs them; throughput is in bytes of text or in elements.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]
#![allow(clippy::panic, reason = "a benchmark without its input has nothing to say")]

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use taster_ngrams::block::{Entry, encode};
use taster_ngrams::count::{Counter, PARTITION_BITS};
use taster_ngrams::lookup::Screened;
use taster_ngrams::merge::RangeMerge;
use taster_ngrams::sort::BinSort;
use taster_ngrams::{Fingerprinter, Segment, Words};
use taster_planning::Parameters;
use taster_storage::{Frozen, Want, freeze};

const SEED: u64 = 1;

/// Texts of the first shard of the sample: about 3 MB in 20 languages.
fn texts() -> Vec<String> {
    let runtime =
        tokio::runtime::Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/sample/part-00000.parquet");
    let input = [input.display().to_string()];
    let parameters = Parameters::default();
    let Frozen { manifest, sources } = freeze(&input, &parameters, runtime.handle())
        .unwrap_or_else(|error| panic!("no sample: {error}"));
    let shard = &manifest.shards[0];
    let groups = 0..shard.row_groups.len() as u32;
    let mut stream = sources
        .documents(0, shard, groups, Want::default(), &parameters.limits)
        .unwrap_or_else(|error| panic!("unreadable sample: {error}"));
    let mut texts = Vec::new();
    while let Some(batch) =
        stream.next_batch().unwrap_or_else(|error| panic!("unreadable sample: {error}"))
    {
        texts.extend((0..batch.len()).filter_map(|index| batch.text(index).map(str::to_owned)));
    }
    texts
}

fn segment() -> Segment {
    let mut segment = Segment::default();
    texts().iter().for_each(|text| segment.push(text, &Words, SEED));
    segment
}

fn trigrams(segment: &Segment) -> Vec<u64> {
    let mut fingerprinter = Fingerprinter::default();
    fingerprinter.restart(segment.hashes());
    let triples = fingerprinter.of(3);
    let mut trigrams = Vec::new();
    segment.ngram_ranges(3).for_each(|range| triples.append(range, &mut trigrams));
    trigrams
}

fn tokenizer(criterion: &mut Criterion) {
    let texts = texts();
    let mut group = criterion.benchmark_group("tokenizer");
    group.throughput(Throughput::Bytes(texts.iter().map(|text| text.len() as u64).sum()));
    let mut segment = Segment::default();
    group.bench_function("words, numbered", |bencher| {
        bencher.iter(|| {
            segment.clear();
            texts.iter().for_each(|text| segment.push(text, &Words, SEED));
            black_box(segment.tokens())
        });
    });
    group.finish();
}

fn fingerprints(criterion: &mut Criterion) {
    let segment = segment();
    let mut group = criterion.benchmark_group("fingerprints");
    group.throughput(Throughput::Elements(5 * segment.tokens() as u64));
    let (mut fingerprinter, mut all) = (Fingerprinter::default(), Vec::new());
    group.bench_function("orders 1-5", |bencher| {
        bencher.iter(|| {
            fingerprinter.restart(segment.hashes());
            for order in 1..=5 {
                let ngrams = fingerprinter.of(order);
                all.clear();
                segment.ngram_ranges(order).for_each(|range| ngrams.append(range, &mut all));
                black_box(&all);
            }
        });
    });
    group.finish();
}

fn sort(criterion: &mut Criterion) {
    let keys = trigrams(&segment());
    let mut group = criterion.benchmark_group("sort");
    group.throughput(Throughput::Elements(keys.len() as u64));
    let (mut sort, mut memory) = (BinSort::default(), Vec::new());
    group.bench_function("partitions of 1024", |bencher| {
        bencher.iter(|| {
            for keys in keys.chunks(1024) {
                black_box(sort.sort(keys, &mut memory, |key| *key).len());
            }
        });
    });
    group.finish();
}

fn count(criterion: &mut Criterion) {
    let segment = segment();
    let mut group = criterion.benchmark_group("count");
    group.throughput(Throughput::Elements(5 * segment.tokens() as u64));
    let mut counter = Counter::default();
    group.bench_function("orders 1-5", |bencher| {
        bencher.iter(|| black_box(counter.count(&segment, 1..=5, SEED, [0; 32]).len()));
    });
    group.finish();
}

/// The distinct trigrams of one partition, as sixteen runs would hold them.
fn runs_of_one_partition(fingerprints: &[u64]) -> Vec<Vec<u8>> {
    let runs = fingerprints.chunks(fingerprints.len().div_ceil(16));
    let block = |keys: &[u64]| {
        let mut keys: Vec<u64> = keys.iter().map(|key| key >> PARTITION_BITS).collect();
        keys.sort_unstable();
        keys.dedup();
        let entries: Vec<Entry> =
            keys.iter().map(|&fingerprint| Entry { fingerprint, low: 1, high: 1 }).collect();
        let mut bytes = Vec::new();
        encode(&entries, &mut bytes);
        bytes
    };
    runs.map(block).collect()
}

fn merge(criterion: &mut Criterion) {
    let fingerprints = trigrams(&segment());
    let fingerprints = &fingerprints[..fingerprints.len().min(1 << 16)];
    let blocks = runs_of_one_partition(fingerprints);
    let mut group = criterion.benchmark_group("merge");
    group.throughput(Throughput::Bytes(blocks.iter().map(|block| block.len() as u64).sum()));
    let mut merge = RangeMerge::default();
    group.bench_function("16 runs", |bencher| {
        bencher.iter(|| {
            for (run, block) in (0..).zip(&blocks) {
                merge.add(run, block).unwrap_or_else(|error| panic!("damaged block: {error}"));
            }
            let mut distinct = 0u64;
            merge.merge(|_| distinct += 1);
            black_box(distinct)
        });
    });
    group.finish();
}

fn filter(criterion: &mut Criterion) {
    let fingerprints = trigrams(&segment());
    let mut table = Screened::default();
    table.reset(fingerprints.len() / 4 + 1);
    let mut every_fourth: Vec<u64> = fingerprints.iter().step_by(4).copied().collect();
    every_fourth.sort_unstable();
    every_fourth.dedup();
    every_fourth
        .iter()
        .for_each(|&fingerprint| table.insert(Entry { fingerprint, low: 10, high: 10 }));
    let mut group = criterion.benchmark_group("filter");
    group.throughput(Throughput::Elements(fingerprints.len() as u64));
    let (mut found, mut unfinished) = (Vec::new(), Vec::new());
    group.bench_function("screened table", |bencher| {
        bencher.iter(|| {
            table.look_up(&fingerprints, &mut found, &mut unfinished);
            black_box(found.len())
        });
    });
    group.finish();
}

criterion_group!(kernels, tokenizer, fingerprints, sort, count, merge, filter);
criterion_main!(kernels);
