//! A corpus that is planted while it is read: nothing is written, and an audit reads the same text as from a planted copy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use taster_planning::DigestBuilder;
use taster_storage::Overlay;

use crate::corpus::Corpus;
use crate::error::LabError;
use crate::plan::{Dose, PlantPlan};
use crate::planting::{marks, poison, truth_without_documents};
use crate::recipes::Marks;
use crate::spread::choose;
use crate::stored::{Columns, StoredCorpus};
use crate::survey::Survey;
use crate::truth::{GroundTruth, PlantedDocument};
use crate::vocabulary::Vocabulary;

/// A stored corpus that was surveyed, to be planted as often as one likes.
///
/// Memory: 24 bytes per document, twice while documents are chosen, and the words of a [`Vocabulary`].
#[derive(Debug)]
pub struct Ground {
    corpus: StoredCorpus,
    survey: Survey,
}

impl Ground {
    /// Reads the corpus at `inputs` once, without the shards that `skipped` names. Calls block.
    ///
    /// # Errors
    /// Another shard cannot be read, or the store fails.
    pub fn survey(
        inputs: &[String],
        columns: &Columns,
        skipped: &[String],
        runtime: &tokio::runtime::Handle,
    ) -> Result<Self, LabError> {
        let corpus = StoredCorpus::open_without(inputs, columns, skipped, runtime)?;
        let survey = Survey::of(&corpus)?;
        Ok(Self { corpus, survey })
    }

    /// The corpus with a plan in it, and what is planted where.
    ///
    /// # Errors
    /// A dose does not fit, or a shard cannot be read.
    pub fn view(&self, plan: &PlantPlan) -> Result<(PlantedView, GroundTruth), LabError> {
        view(&self.corpus, &self.survey, plan)
    }
}

/// The texts that a plan puts over those of a corpus.
#[derive(Debug)]
pub struct PlantedView {
    seed: u64,
    words: Arc<Vocabulary>,
    marks: Vec<(Dose, Marks)>,
    /// By shard and row: the document's position in the corpus, and its dose.
    planted: BTreeMap<String, BTreeMap<u64, (u64, usize)>>,
    identity: [u8; 32],
}

impl Overlay for PlantedView {
    fn identity(&self, shard: &str, rows: Range<u64>) -> Option<[u8; 32]> {
        let planted = self.planted.get(shard)?.range(rows).next();
        planted.map(|_| self.identity)
    }

    fn text(&self, shard: &str, row: u64, stored: &str) -> Option<String> {
        let (document, dose) = *self.planted.get(shard)?.get(&row)?;
        Some(poison(&self.marks[dose], self.seed, document, stored, &self.words))
    }
}

/// The view of a plan over a corpus that was surveyed, and its truth; reads the ids of the planted documents.
pub(crate) fn view(
    corpus: &StoredCorpus,
    survey: &Survey,
    plan: &PlantPlan,
) -> Result<(PlantedView, GroundTruth), LabError> {
    let chosen = choose(&survey.sites, plan)?;
    let by_dose = chosen.iter().enumerate();
    let doses: BTreeMap<u64, usize> = by_dose
        .flat_map(|(dose, documents)| documents.iter().map(move |one| (*one, dose)))
        .collect();
    let mut planted = BTreeMap::new();
    let mut truth = truth_without_documents(plan, survey.documents());
    let mut first = 0;
    for (shard, rows) in corpus.shards().iter().zip(&survey.rows) {
        let of_shard: BTreeMap<u64, (u64, usize)> = doses
            .range(first..first + rows)
            .map(|(document, dose)| (document - first, (*document, *dose)))
            .collect();
        first += rows;
        if of_shard.is_empty() {
            continue;
        }
        let listed: Vec<u64> = of_shard.keys().copied().collect();
        for (row, id) in corpus.ids(shard, &listed)? {
            let (_, dose) = of_shard[&row];
            let document = PlantedDocument { id, shard: shard.clone(), row };
            truth.planted[dose].documents.push(document);
        }
        planted.insert(shard.clone(), of_shard);
    }
    let words = survey.words.clone().ok_or(LabError::NoVocabulary)?;
    let plan_text = serde_json::to_string(plan)?;
    let digest = DigestBuilder::new("taster planted view 1").text(&plan_text);
    let digest = planted_digest(digest.number(words.digest()), &planted);
    let view = PlantedView {
        seed: plan.seed,
        words,
        marks: marks(plan),
        planted,
        identity: digest.finish().0,
    };
    Ok((view, truth))
}

fn planted_digest(
    mut digest: DigestBuilder,
    planted: &BTreeMap<String, BTreeMap<u64, (u64, usize)>>,
) -> DigestBuilder {
    for (shard, rows) in planted {
        digest = digest.text(shard).number(rows.len() as u64);
        for (row, (document, dose)) in rows {
            digest = digest.number(*row).number(*document).number(*dose as u64);
        }
    }
    digest
}
