//! Ten thousand runs in one merge: exact, and no slower per byte than ten.

use std::collections::HashMap;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use taster_ngrams::count::{Counter, SLICES, unlabel};
use taster_ngrams::fingerprint::fingerprint;
use taster_ngrams::merge::RangeMerge;
use taster_ngrams::object::{Directory, take_frame};
use taster_ngrams::{Segment, Words};
use taster_tests::places;

const ORDERS: u8 = 2;

/// df and cf by order and fingerprint.
type Counts = HashMap<(u8, u64), (u64, u64)>;

/// Runs of a few documents each, and what is in all of them.
fn make(runs: usize, documents: usize, random: &mut ChaCha8Rng) -> (Vec<Vec<u8>>, Counts) {
    let (mut objects, mut counts) = (Vec::with_capacity(runs), Counts::new());
    let (mut counter, mut segment) = (Counter::default(), Segment::default());
    for _ in 0..runs {
        segment.clear();
        for _ in 0..documents {
            // Few words in many places, many words in few.
            let rank = |random: &mut ChaCha8Rng| random.random_range(0f64..1.0).powi(3) * 30_000.0;
            let words = (0..25).map(|_| format!("w{} ", rank(random) as u32));
            segment.push(&words.collect::<String>(), &Words, 1);
        }
        for document in segment.iter() {
            let mut seen = std::collections::HashSet::new();
            for order in 1..=ORDERS {
                for window in document.windows(usize::from(order)) {
                    let key = (order, fingerprint(window));
                    let count = counts.entry(key).or_default();
                    *count = (count.0 + u64::from(seen.insert(key)), count.1 + 1);
                }
            }
        }
        objects.push(counter.count(&segment, 1..=ORDERS, 1, [0; 32]));
    }
    (objects, counts)
}

/// One frame: order, partition, run, payload.
type FrameOf<'a> = (u8, usize, u32, &'a [u8]);

fn frames<'a>(runs: &'a [Vec<u8>], directories: &[Directory], slice: usize) -> Vec<FrameOf<'a>> {
    let mut frames = Vec::new();
    for (run, (object, directory)) in runs.iter().zip(directories).enumerate() {
        let range = directory.range(slice, slice + 1);
        let mut rest = &object[range.start as usize..range.end as usize];
        while let Some(frame) = take_frame(&mut rest).unwrap() {
            let (partition, order) = unlabel(frame.label);
            frames.push((order, partition, run as u32, frame.payload));
        }
    }
    frames.sort_by_key(|frame| (frame.0, frame.1, frame.2));
    frames
}

/// Merges all runs, takes what it finds out of `expected`, and returns run bytes per second.
fn merge(runs: &[Vec<u8>], mut expected: Counts) -> f64 {
    let (mut merge, started) = (RangeMerge::default(), Instant::now());
    let mut found = Vec::with_capacity(expected.len());
    let parse = |object: &Vec<u8>| Directory::parse(object, object.len() as u64).unwrap();
    let directories: Vec<Directory> = runs.iter().map(parse).collect();
    for slice in 0..SLICES {
        let frames = frames(runs, &directories, slice);
        for partition in frames.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            partition.iter().for_each(|frame| merge.add(frame.2, frame.3).unwrap());
            let order = partition[0].0;
            merge.merge(|ngram| found.push(((order, ngram.fingerprint), (ngram.df, ngram.cf))));
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    for (key, counts) in found {
        assert_eq!(expected.remove(&key), Some(counts), "{key:?}");
    }
    assert!(expected.is_empty(), "{} n-grams were lost", expected.len());
    runs.iter().map(Vec::len).sum::<usize>() as f64 / seconds
}

#[test]
fn ten_thousand_runs_merge_exactly() {
    let mut random = ChaCha8Rng::seed_from_u64(places::seed());
    for (runs, documents) in [(10, 4000), (10_000, 4)] {
        let (objects, counts) = make(runs, documents, &mut random);
        let (bytes, ngrams) = (objects.iter().map(Vec::len).sum::<usize>(), counts.len());
        let rate = merge(&objects, counts) / 1e6;
        eprintln!("{runs} runs, {bytes} bytes, {ngrams} n-grams: {rate:.1} MB/s on one core");
    }
}
