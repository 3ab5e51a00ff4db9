#![allow(clippy::unwrap_used)]
//! The naive twin: every n-gram of explicit documents, judged by the definitions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::Words;
use crate::block::{self, Entry};
use crate::count::{PARTITIONS, SLICES, partition_of};
use crate::fingerprint::{fingerprint, polynomial, token_hash};
use crate::object::{Directory, Kind, take_frame};
use crate::posting::{Posting, Records, Rows};

const SEED: u64 = 5;
const AXES: usize = 2;

/// A document of one-letter tokens.
#[derive(Debug, Clone)]
struct Text {
    tokens: Vec<u8>,
    canonical: bool,
    localities: [u32; AXES],
}

type Gram<'a> = &'a [u8];

/// Head (order, df, unusual) and postings with their localities, per fingerprint.
type Described = BTreeMap<u64, ((u8, u32, bool), Vec<(Posting, Vec<u32>)>)>;

/// The letter whose code points count as unusual.
const UNUSUAL: u8 = b'c';

struct Facts<'a> {
    texts: &'a [Text],
    unusual: Vec<Vec<u32>>,
}

impl<'a> Facts<'a> {
    fn new(texts: &'a [Text]) -> Self {
        let unusual = texts.iter().map(|text| {
            let positions = 0..text.tokens.len() as u32;
            positions.filter(|&at| text.tokens[at as usize] == UNUSUAL).collect()
        });
        let unusual = unusual.collect();
        Self { texts, unusual }
    }
}

impl DocumentFacts for Facts<'_> {
    fn is_canonical(&self, document: u32) -> bool {
        self.texts[document as usize].canonical
    }

    fn unusual(&self, document: u32) -> &[u32] {
        &self.unusual[document as usize]
    }

    fn localities(&self, document: u32, put: &mut dyn FnMut(u32)) {
        let localities = self.texts[document as usize].localities;
        localities.iter().for_each(|&locality| put(locality));
    }
}

fn hashes(tokens: Gram<'_>) -> Vec<u64> {
    tokens.iter().map(|&t| token_hash(&[t], SEED)).collect()
}

fn hash(tokens: Gram<'_>) -> u64 {
    fingerprint(&hashes(tokens))
}

/// The df of every n-gram of every order up to one more than the last.
fn frequencies(texts: &[Text], last: u8) -> BTreeMap<Gram<'_>, u32> {
    let mut df = BTreeMap::new();
    for text in texts {
        let grams = (1..=usize::from(last) + 1).flat_map(|order| text.tokens.windows(order));
        for gram in grams.collect::<BTreeSet<_>>() {
            *df.entry(gram).or_insert(0) += 1;
        }
    }
    df
}

struct Twin<'a> {
    df: BTreeMap<Gram<'a>, u32>,
    rules: &'a Rules,
}

impl<'a> Twin<'a> {
    fn df(&self, gram: Gram<'_>) -> u32 {
        self.df.get(gram).copied().unwrap_or(0)
    }

    /// Whether a one-token extension has the same document set.
    fn is_extended(&self, gram: Gram<'_>) -> bool {
        let extends = |longer: Gram<'_>| {
            longer.len() == gram.len() + 1 && (longer.starts_with(gram) || longer.ends_with(gram))
        };
        let mut same = self.df.iter().filter(|(_, df)| **df == self.df(gram));
        same.any(|(longer, _)| extends(longer))
    }

    /// The position that stands for `gram` in a document, if it is described there.
    fn place(&self, tokens: Gram<'_>, gram: Gram<'_>) -> Option<usize> {
        let (order, df) = (gram.len(), self.df(gram));
        let is_last = order == usize::from(*self.rules.orders.end());
        if df < self.rules.floor || df > self.rules.ceiling || (!is_last && self.is_extended(gram))
        {
            return None;
        }
        let same = |at: usize| {
            let window = tokens.get(at..at + order);
            window.is_some_and(|other| self.df(other) == df)
        };
        let inside = |at: usize| is_last && at > 0 && same(at - 1) && same(at + 1);
        let mut starts = (0..=tokens.len() - order).filter(|&at| &tokens[at..at + order] == gram);
        starts.find(|&at| !inside(at))
    }

    fn unseen(&self, window: Gram<'_>) -> i32 {
        let order = usize::from(self.rules.novelty_order);
        let is_unseen = |gram: Gram<'_>| self.df(gram) < 2 && !gram.iter().any(u8::is_ascii_digit);
        window.windows(order).filter(|gram| is_unseen(gram)).count() as i32
    }

    fn posting(&self, document: u32, tokens: Gram<'_>, at: usize, order: usize) -> Posting {
        let (end, last) = (at + order, tokens.len());
        let before = self.unseen(&tokens[at.saturating_sub(WINDOW)..at]);
        let after = self.unseen(&tokens[end..(end + WINDOW).min(last)]);
        let context = |context: Gram<'_>| {
            let counted = self.rules.orders.contains(&4) && context.len() == CONTEXT;
            let df = self.df(&tokens[at..end]);
            let common = counted && self.df(context) > COMMON_FROM * df;
            (polynomial(&hashes(context)) >> 32) as u32 & !1 | u32::from(common)
        };
        Posting {
            document,
            left: context(&tokens[at.saturating_sub(CONTEXT)..at]),
            right: context(&tokens[end..(end + CONTEXT).min(last)]),
            jump: (after - before) as i8,
        }
    }

    /// What every token takes, by the definition on the frequencies that the table knows.
    fn bits(&self, tokens: Gram<'_>) -> Vec<f64> {
        let others = |gram: Gram<'_>| {
            let known = gram.len() == usize::from(self.rules.novelty_order);
            let least = if known { 2 } else { self.rules.floor };
            let df = self.df(gram);
            (df >= least).then_some(f64::from(df) - 1.0)
        };
        let bits = |at: usize| {
            let before = at.checked_sub(1);
            match before.and_then(|before| Some((before, others(&tokens[before..=at])?))) {
                Some((before, pair)) => {
                    (others(&tokens[before..at]).unwrap_or(1.0) / pair).log2().max(0.0)
                }
                None => {
                    let own = others(&tokens[at..=at]).unwrap_or(1.0);
                    (f64::from(self.rules.documents) / own / 0.4).log2()
                }
            }
        };
        (0..tokens.len()).map(bits).collect()
    }

    fn describe(&self, texts: &[Text]) -> Described {
        let mut described = Described::new();
        for (document, text) in texts.iter().enumerate().filter(|(_, text)| text.canonical) {
            for order in self.rules.orders.clone() {
                let grams: BTreeSet<Gram<'_>> = text.tokens.windows(usize::from(order)).collect();
                for gram in grams {
                    let Some(at) = self.place(&text.tokens, gram) else {
                        continue;
                    };
                    let posting = self.posting(document as u32, &text.tokens, at, gram.len());
                    let head = (order, self.df(gram), gram.contains(&UNUSUAL));
                    let entry = described.entry(hash(gram)).or_insert((head, Vec::new()));
                    entry.1.push((posting, text.localities.to_vec()));
                }
            }
        }
        described
    }

    /// What the screen wave passes on of a segment: sorted blocks, one per order.
    fn table(&self, segment: &[Text]) -> Screened {
        let here = frequencies(segment, *self.rules.orders.end());
        let kept = |gram: &Gram<'_>| {
            let (order, df) = (gram.len() as u8, self.df(gram));
            let novel = order == self.rules.novelty_order && df >= 2;
            self.rules.orders.contains(&order) && (df >= self.rules.floor || novel)
        };
        let mut blocks = vec![Vec::new(); usize::from(*self.rules.orders.end()) + 1];
        for gram in here.keys().filter(|gram| kept(gram)) {
            let df = self.df(gram);
            let entry = Entry { fingerprint: hash(gram), low: df, high: df };
            blocks[gram.len()].push(entry);
        }
        let mut table = Screened::default();
        table.reset(blocks.iter().map(Vec::len).sum());
        for entries in &mut blocks {
            entries.sort_by_key(|entry| entry.fingerprint);
            let mut bytes = Vec::new();
            block::encode(entries, &mut bytes);
            table.insert_block(&bytes).unwrap();
        }
        table
    }
}

fn segment(texts: &[Text]) -> Segment {
    let mut segment = Segment::default();
    for text in texts {
        let words: Vec<String> = text.tokens.iter().map(|&t| char::from(t).to_string()).collect();
        segment.push(&words.join(" "), &Words, SEED);
    }
    segment
}

fn decoded(bytes: &[u8]) -> Described {
    let directory = Directory::parse(bytes, bytes.len() as u64).unwrap();
    let mut described = Described::new();
    let last = directory.range(SLICES, ALL_SLICES);
    let mut last = &bytes[last.start as usize..last.end as usize];
    let rows =
        Rows::decode(take_frame(&mut last).unwrap().unwrap().payload, directory.header.documents);
    let rows = rows.unwrap();
    for slice in 0..SLICES {
        let range = directory.range(slice, slice + 1);
        let mut rest = &bytes[range.start as usize..range.end as usize];
        while let Some(frame) = take_frame(&mut rest).unwrap() {
            let partition = (frame.label >> 8) as usize;
            assert_eq!(partition / (PARTITIONS / SLICES), slice);
            let (mut records, mut previous) = (Records::new(frame.payload, &rows), 0);
            while let Some(record) = records.take().unwrap() {
                let head = record.head;
                assert_eq!(partition_of(head.fingerprint), partition);
                assert!(head.fingerprint > previous, "records ascend");
                previous = head.fingerprint;
                let columns: Vec<Vec<u32>> =
                    (0..AXES).map(|axis| record.localities(axis).collect()).collect();
                let row = |at: usize| columns.iter().map(|column| column[at]).collect();
                let postings: Vec<(Posting, Vec<u32>)> =
                    record.postings().enumerate().map(|(at, p)| (p, row(at))).collect();
                assert_eq!(postings.len(), head.postings as usize);
                let what = (head.order, head.df, head.unusual);
                assert!(described.insert(head.fingerprint, (what, postings)).is_none());
            }
        }
    }
    described
}

fn texts() -> impl Strategy<Value = Vec<Text>> {
    let letters = prop_oneof![
        3 => prop::collection::vec(b'a'..=b'c', 0..14),
        2 => prop::collection::vec(b'a'..=b'k', 0..14),
        1 => prop::collection::vec(b'a'..=b'f', 30..90),
        1 => prop::collection::vec(prop_oneof![b'a'..=b'f', b'0'..=b'9'], 10..50),
    ];
    let text = (letters, prop::bool::weighted(0.8), [0u32..300, 0u32..3]);
    let text =
        text.prop_map(|(tokens, canonical, localities)| Text { tokens, canonical, localities });
    prop::collection::vec(text, 1..12)
}

fn rules() -> impl Strategy<Value = Rules> {
    let orders = (1u8..=2, 2u8..=6);
    (orders, 2u32..4, 3u32..9).prop_flat_map(|((first, last), floor, ceiling)| {
        (first..=last.min(4)).prop_map(move |novelty_order| Rules {
            orders: first..=last,
            floor,
            ceiling,
            novelty_order,
            documents: 100,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn equals_the_naive_twin(texts in texts(), cut in 0usize..12, rules in rules()) {
        let twin = Twin { df: frequencies(&texts, *rules.orders.end()), rules: &rules };
        let (first, second) = texts.split_at(cut.min(texts.len()));
        let mut describer = Describer::default();
        for part in [first, second] {
            let header = Header {
                kind: Kind::Context,
                seed: SEED,
                config: [0; 32],
                documents: part.len() as u64,
                tokens: 0,
            };
            let mut table = twin.table(part);
            let object = describer.describe(&segment(part), &mut table, &Facts::new(part), &rules, header);
            prop_assert_eq!(decoded(&object), twin.describe(part));
            let measured: Vec<u32> = describer.surprisals().iter().map(|one| one.document).collect();
            let is_long = |text: &Text| text.canonical && text.tokens.len() >= STRETCH;
            let long = (0..).zip(part).filter(|(_, text)| rules.orders.contains(&1) && is_long(text));
            prop_assert_eq!(measured, long.map(|(ord, _)| ord).collect::<Vec<u32>>());
            for one in describer.surprisals() {
                let bits = twin.bits(&part[one.document as usize].tokens);
                let steps = bits.iter().sum::<f64>() * f64::from(STEPS);
                prop_assert!((steps - one.total as f64).abs() <= 4.0 * bits.len() as f64);
            }
        }
    }
}
