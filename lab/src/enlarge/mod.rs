//! A bigger corpus from a real one, for benchmarks of speed and memory.
//!
//! What it is: copy 0 is the real corpus. Copy *k* is the same corpus in another *dialect*: three quarters of the
//! distinct words are replaced, each by another word of about the same frequency and the same shape, by a permutation
//! that belongs to the copy; rare words get a new spelling; a quarter of the lines change places with lines of other
//! documents of the same source. So documents keep their lengths, their mark-up and their boilerplate, new n-grams and
//! new words appear in every copy, and frequent function words stay.
//!
//! What it is not: language. Grammar and meaning of a copy are lost, and a sequence of very frequent words recurs in
//! every copy, a little more often than in a natural corpus of that size. Use it for speed, memory and counts; never
//! for rates of detection or of false alarms.
//!
//! Measured against natural growth: 4 copies of 2 % of a real corpus of 171 MB beside 8 % of the same corpus, shares of
//! distinct n-grams that occur in one document — 1-grams 0.58 beside 0.67, 2-grams 0.78 beside 0.79, 3-grams 0.90
//! beside 0.89, 5-grams 0.97 beside 0.96; in ten documents or more — 3-grams 0.0034 beside 0.0053.
//!
//! Memory: a million distinct words (about 150 MB), one batch.

mod dates;
mod dialect;
mod lexicon;
mod paragraphs;

use arrow::array::{RecordBatch, StringArray};
use serde::Serialize;

use crate::corpus::{
    Corpus, CorpusSink, ID_COLUMNS, optional, texts, value, with_column, with_texts,
};
use crate::error::LabError;
use dialect::Dialect;
use lexicon::Lexicon;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Enlarged {
    /// Documents, those without text included.
    pub documents: u64,
    /// Bytes of text.
    pub text_bytes: u64,
    /// Copies begun, the real one included.
    pub copies: u32,
}

/// Writes copies of `corpus` into `sink` until they hold at least `target_text_bytes` of text, to the nearest batch.
///
/// The shard `part.parquet` of copy *k* > 0 becomes `part-copy00k.parquet`; ids get the suffix `~k`, hosts and the
/// hosts of URLs `.copyk.invalid`, and dates go back by 31 days per copy. Equal arguments give equal copies.
/// Fails if the corpus holds no text, or as the corpus or the sink does.
pub fn enlarge_corpus(
    corpus: &dyn Corpus,
    sink: &mut dyn CorpusSink,
    target_text_bytes: u64,
    seed: u64,
) -> Result<Enlarged, LabError> {
    let lexicon = Lexicon::of(corpus)?;
    let mut written = Enlarged { documents: 0, text_bytes: 0, copies: 0 };
    while written.text_bytes < target_text_bytes {
        let before = written.text_bytes;
        let mut copy = Copy {
            number: written.copies,
            seed,
            dialect: Dialect::new(&lexicon, seed, written.copies),
        };
        written.copies += 1;
        for shard in corpus.shards() {
            copy.write(corpus, &shard, sink, target_text_bytes, &mut written)?;
        }
        if written.text_bytes == before {
            return Err(LabError::NoText("to be enlarged".to_owned()));
        }
    }
    sink.finish()?;
    Ok(written)
}

/// One copy of the corpus.
struct Copy<'a> {
    number: u32,
    seed: u64,
    dialect: Dialect<'a>,
}

impl Copy<'_> {
    fn write(
        &mut self,
        corpus: &dyn Corpus,
        shard: &str,
        sink: &mut dyn CorpusSink,
        target_text_bytes: u64,
        written: &mut Enlarged,
    ) -> Result<(), LabError> {
        if written.text_bytes >= target_text_bytes {
            return Ok(());
        }
        let name = self.shard_name(shard);
        corpus.read(shard, &mut |batch| {
            if written.text_bytes >= target_text_bytes {
                return Ok(());
            }
            let batch = self.translate(shard, batch, written.documents)?;
            let texts = texts(shard, &batch)?;
            written.documents += batch.num_rows() as u64;
            written.text_bytes += texts.iter().flatten().map(|text| text.len() as u64).sum::<u64>();
            sink.write(&name, &batch)
        })
    }

    fn shard_name(&self, shard: &str) -> String {
        if self.number == 0 {
            return shard.to_owned();
        }
        let stem = shard.strip_suffix(".parquet").unwrap_or(shard);
        format!("{stem}-copy{:03}.parquet", self.number)
    }

    /// The batch in this copy's dialect; `first` tells its lines' places from those of other batches.
    fn translate(
        &mut self,
        shard: &str,
        batch: RecordBatch,
        first: u64,
    ) -> Result<RecordBatch, LabError> {
        if self.number == 0 {
            return Ok(batch);
        }
        let clean = texts(shard, &batch)?;
        let sources = optional(shard, &batch, &["source"])?;
        let source =
            |row| sources.as_ref().and_then(|sources| value(sources, row)).unwrap_or_default();
        let rows =
            (0..batch.num_rows()).map(|row| value(&clean, row).map(|text| (source(row), text)));
        let moved = paragraphs::exchange(rows, self.seed, first);
        let spoken: StringArray =
            moved.iter().map(|text| text.as_deref().map(|text| self.dialect.speak(text))).collect();
        let batch = with_texts(shard, &batch, spoken)?;
        self.rename(shard, batch)
    }

    fn rename(&self, shard: &str, batch: RecordBatch) -> Result<RecordBatch, LabError> {
        let number = self.number;
        let hosts = optional(shard, &batch, &["host"])?;
        let host = |row| hosts.as_ref().and_then(|hosts| value(hosts, row)).unwrap_or_default();
        let other_host = |host: &str| format!("{host}.copy{number}.invalid");
        let batch = edit(shard, batch, ID_COLUMNS[0], |_, id| format!("{id}~{number}"))?;
        let batch = edit(shard, batch, "url", |row, url| match host(row) {
            "" => url.to_owned(),
            host => url.replacen(host, &other_host(host), 1),
        })?;
        let batch = edit(shard, batch, "host", |_, host| other_host(host))?;
        edit(shard, batch, "date", |_, date| dates::earlier(date, 31 * i64::from(number)))
    }
}

/// The batch with every value of a column edited, if it has that column.
fn edit(
    shard: &str,
    batch: RecordBatch,
    name: &str,
    change: impl Fn(usize, &str) -> String,
) -> Result<RecordBatch, LabError> {
    let Some(column) = optional(shard, &batch, &[name])? else {
        return Ok(batch);
    };
    let edited =
        column.iter().enumerate().map(|(row, value)| value.map(|value| change(row, value)));
    with_column(shard, batch, name, edited.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;

    use super::*;
    use crate::corpus::MemoryCorpus;
    use crate::corpus::tests::corpus;

    fn enlarge(bytes: u64, seed: u64) -> (MemoryCorpus, Enlarged) {
        let mut sink = MemoryCorpus::default();
        let written = enlarge_corpus(&corpus(2, 50), &mut sink, bytes, seed).unwrap();
        (sink, written)
    }

    fn column(corpus: &MemoryCorpus, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        for shard in corpus.shards() {
            let mut visit = |batch: RecordBatch| {
                let column = optional(&shard, &batch, &[name])?.unwrap();
                values.extend(column.iter().map(|value| value.unwrap().to_owned()));
                Ok(())
            };
            corpus.read(&shard, &mut visit).unwrap();
        }
        values
    }

    #[test]
    fn copies_are_as_many_as_it_takes_and_the_first_is_real() {
        let real: u64 = column(&corpus(2, 50), "text").iter().map(|text| text.len() as u64).sum();
        let (larger, written) = enlarge(3 * real, 1);
        assert!(written.text_bytes >= 3 * real && written.text_bytes < 4 * real);
        assert!(written.copies >= 3);
        assert_eq!(column(&larger, "text")[..200], column(&corpus(2, 50), "text")[..]);
        assert_eq!(written.documents as usize, column(&larger, "id").len());
        assert_eq!(
            &larger.shards()[2..4],
            ["part-00000-copy001.parquet", "part-00001-copy001.parquet"]
        );
    }

    #[test]
    fn ids_are_distinct_and_hosts_and_dates_are_others() {
        let (larger, written) = enlarge(60_000, 1);
        let ids: BTreeSet<_> = column(&larger, "id").into_iter().collect();
        assert_eq!(ids.len() as u64, written.documents);
        let hosts: BTreeSet<_> = column(&larger, "host").into_iter().collect();
        assert_eq!(hosts.len(), 5 * written.copies as usize);
        assert_eq!(column(&larger, "url")[200], "https://h0.example.copy1.invalid/0");
        assert_eq!(column(&larger, "date")[200], "2024-03-31");
    }

    #[test]
    fn a_seed_determines_the_copies() {
        assert_eq!(enlarge(50_000, 1).0, enlarge(50_000, 1).0);
        assert_ne!(enlarge(50_000, 1).0, enlarge(50_000, 2).0);
    }

    #[test]
    fn a_corpus_without_text_cannot_grow() {
        let refused = enlarge_corpus(&MemoryCorpus::default(), &mut MemoryCorpus::default(), 1, 1);
        assert!(matches!(refused, Err(LabError::NoText(_))));
    }
}
