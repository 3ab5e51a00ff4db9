//! The first pass over a corpus: what a plan needs to know of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};

use crate::corpus::{Corpus, optional, texts, value};
use crate::error::LabError;
use crate::spread::Site;
use crate::vocabulary::{Harvest, Vocabulary};

/// What the first pass learns.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Documents of every shard, in order.
    pub rows: Vec<u64>,
    /// Documents that have a text.
    pub sites: Vec<Site>,
    /// Words of all texts; nothing if there is none.
    pub words: Option<Arc<Vocabulary>>,
}

impl Survey {
    /// Reads the whole corpus once.
    pub(crate) fn of(corpus: &dyn Corpus) -> Result<Self, LabError> {
        let mut survey = Surveying::default();
        let mut documents = 0;
        for (shard, name) in (0u32..).zip(corpus.shards()) {
            let before = documents;
            corpus.read(&name, &mut |batch| {
                survey.add(shard, &name, documents, &batch)?;
                documents += batch.num_rows() as u64;
                Ok(())
            })?;
            survey.rows.push(documents - before);
        }
        survey.rank_dates();
        let Surveying { rows, sites, words, .. } = survey;
        Ok(Self { rows, sites, words: words.finish().ok().map(Arc::new) })
    }

    /// Documents of the corpus.
    pub(crate) fn documents(&self) -> u64 {
        self.rows.iter().sum()
    }
}

/// A survey on its way.
#[derive(Default)]
struct Surveying {
    rows: Vec<u64>,
    sites: Vec<Site>,
    words: Harvest,
    hosts: Names,
    dates: Names,
}

impl Surveying {
    fn add(
        &mut self,
        shard: u32,
        name: &str,
        first: u64,
        batch: &RecordBatch,
    ) -> Result<(), LabError> {
        let hosts = optional(name, batch, &["host", "domain"])?;
        let dates = optional(name, batch, &["date"])?;
        let texts = texts(name, batch)?;
        for (row, document) in (first..).take(batch.num_rows()).enumerate() {
            let Some(text) = value(&texts, row).filter(|text| !text.is_empty()) else {
                continue;
            };
            self.words.add(text);
            let host = self.hosts.ordinal(hosts.as_ref(), row);
            let date = self.dates.ordinal(dates.as_ref(), row);
            self.sites.push(Site { document, shard, host, date });
        }
        Ok(())
    }

    /// Dates were numbered as they came; a window needs their own order.
    fn rank_dates(&mut self) {
        let ranks = self.dates.ranks();
        for site in self.sites.iter_mut().filter(|site| site.date != Site::NOWHERE) {
            site.date = ranks[site.date as usize];
        }
    }
}

/// Names, numbered as they come.
#[derive(Default)]
struct Names {
    ordinals: HashMap<String, u32>,
}

impl Names {
    fn ordinal(&mut self, column: Option<&StringArray>, row: usize) -> u32 {
        let Some(name) =
            column.and_then(|column| value(column, row)).filter(|name| !name.is_empty())
        else {
            return Site::NOWHERE;
        };
        if let Some(ordinal) = self.ordinals.get(name) {
            return *ordinal;
        }
        let next = u32::try_from(self.ordinals.len()).unwrap_or(Site::NOWHERE);
        self.ordinals.insert(name.to_owned(), next);
        next
    }

    /// The rank of each name among all, by its ordinal.
    fn ranks(&self) -> Vec<u32> {
        let sorted: BTreeMap<&str, u32> =
            self.ordinals.iter().map(|(name, ord)| (name.as_str(), *ord)).collect();
        let mut ranks = vec![0; sorted.len()];
        for (rank, ordinal) in (0u32..).zip(sorted.into_values()) {
            ranks[ordinal as usize] = rank;
        }
        ranks
    }
}
