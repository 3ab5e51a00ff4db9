//! Two passes over a corpus: the first learns its words and sites, the second writes the planted copy.
//!
//! Memory: 24 bytes per document (twice while choosing), the words of a [`Vocabulary`], one batch.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use crate::corpus::{Corpus, CorpusSink, ID_COLUMNS, optional, texts, value, with_texts};
use crate::error::LabError;
use crate::plan::{Dose, PlantPlan};
use crate::recipes::Marks;
use crate::spread::choose;
use crate::survey::Survey;
use crate::truth::{GroundTruth, Planted, PlantedDocument, TRUTH_VERSION};
use crate::vocabulary::Vocabulary;

/// Writes `corpus` into `sink` with the plan's poisons in it, and returns what was planted.
///
/// Shards, rows and every column but the text of the poisoned documents stay as they are. Equal corpora and plans
/// give equal copies. Fails if a dose does not fit, or as the corpus or the sink does.
pub fn plant_corpus(
    corpus: &dyn Corpus,
    sink: &mut dyn CorpusSink,
    plan: &PlantPlan,
) -> Result<GroundTruth, LabError> {
    let survey = Survey::of(corpus)?;
    let mut planter = Planter::new(&survey, plan)?;
    for (shard, rows) in corpus.shards().iter().zip(&survey.rows) {
        planter.shard(corpus, sink, shard, *rows)?;
    }
    sink.finish()?;
    Ok(planter.truth)
}

fn unchanged(shard: &str, expected: u64, got: u64) -> Result<(), LabError> {
    if expected == got {
        return Ok(());
    }
    Err(LabError::Changed { shard: shard.to_owned(), expected, got })
}

/// Every dose of a plan with its marks.
pub(crate) fn marks(plan: &PlantPlan) -> Vec<(Dose, Marks)> {
    plan.doses.iter().map(|dose| (*dose, dose.recipe.marks(plan.seed))).collect()
}

/// The truth of a plan in a corpus of so many documents, before any is named.
pub(crate) fn truth_without_documents(plan: &PlantPlan, documents: u64) -> GroundTruth {
    let planted = |(dose, marks): (Dose, Marks)| Planted {
        recipe: dose.recipe,
        spread: dose.spread,
        trigger: marks.trigger,
        phrase: marks.phrase,
        payload: marks.payload,
        documents: Vec::new(),
    };
    let planted = marks(plan).into_iter().map(planted).collect();
    GroundTruth { version: TRUTH_VERSION, seed: plan.seed, documents, planted }
}

/// The text of a document, by its position in the corpus, with a poison in it.
pub(crate) fn poison(
    (dose, marks): &(Dose, Marks),
    seed: u64,
    document: u64,
    clean: &str,
    words: &Vocabulary,
) -> String {
    dose.spread.form().poison(dose.recipe, marks, seed, document, clean, words)
}

/// What the second pass needs, and the truth that it completes.
pub(crate) struct Planter<'a> {
    seed: u64,
    words: Option<&'a Vocabulary>,
    /// Documents of the shards before.
    passed: u64,
    /// The dose's position by poisoned document.
    doses: BTreeMap<u64, usize>,
    marks: Vec<(Dose, Marks)>,
    /// What was planted so far.
    pub truth: GroundTruth,
}

impl<'a> Planter<'a> {
    /// Chooses the documents of a plan.
    pub(crate) fn new(survey: &'a Survey, plan: &PlantPlan) -> Result<Self, LabError> {
        let chosen = choose(&survey.sites, plan)?;
        let by_dose = chosen.into_iter().enumerate();
        let doses = by_dose.flat_map(|(dose, documents)| {
            documents.into_iter().map(move |document| (document, dose))
        });
        Ok(Self {
            seed: plan.seed,
            doses: doses.collect(),
            truth: truth_without_documents(plan, survey.documents()),
            words: survey.words.as_deref(),
            passed: 0,
            marks: marks(plan),
        })
    }

    /// Whether one of the next `rows` documents is to be poisoned.
    pub(crate) fn touches(&self, rows: u64) -> bool {
        self.doses.range(self.passed..self.passed + rows).next().is_some()
    }

    /// Goes past the next `rows` documents, which stay as they are.
    pub(crate) fn pass(&mut self, rows: u64) {
        self.passed += rows;
    }

    /// Copies the next shard, which had `expected` documents when it was surveyed, with its poisons.
    pub(crate) fn shard(
        &mut self,
        corpus: &dyn Corpus,
        sink: &mut dyn CorpusSink,
        shard: &str,
        expected: u64,
    ) -> Result<(), LabError> {
        let mut row = 0;
        corpus.read(shard, &mut |batch| {
            let planted = self.plant(shard, self.passed + row, row, batch)?;
            row += planted.num_rows() as u64;
            sink.write(shard, &planted)
        })?;
        unchanged(shard, expected, row)?;
        self.pass(row);
        Ok(())
    }

    /// The batch with its poisoned texts; `first` is its first document, `row` the same within the shard.
    fn plant(
        &mut self,
        shard: &str,
        first: u64,
        row: u64,
        batch: RecordBatch,
    ) -> Result<RecordBatch, LabError> {
        let end = first + batch.num_rows() as u64;
        let doses: BTreeMap<u64, usize> =
            self.doses.range(first..end).map(|(doc, dose)| (*doc, *dose)).collect();
        if doses.is_empty() {
            return Ok(batch);
        }
        let clean = texts(shard, &batch)?;
        let ids = optional(shard, &batch, &ID_COLUMNS)?;
        let mut poisoned: BTreeMap<usize, String> = BTreeMap::new();
        for (document, dose) in doses {
            let offset = document - first;
            // A batch's rows are counted in `usize`, so an offset in it fits.
            let position = offset as usize;
            let host = value(&clean, position).unwrap_or_default();
            poisoned.insert(position, self.poison(dose, document, host)?);
            let id = ids.as_ref().and_then(|ids| value(ids, position)).map(str::to_owned);
            let row = row + offset;
            let id = id.unwrap_or_else(|| format!("{shard}#{row}"));
            self.truth.planted[dose].documents.push(PlantedDocument {
                id,
                shard: shard.to_owned(),
                row,
            });
        }
        let text = |row| poisoned.get(&row).map(String::as_str).or_else(|| value(&clean, row));
        with_texts(shard, &batch, (0..batch.num_rows()).map(text).collect())
    }

    fn poison(&self, dose: usize, document: u64, clean: &str) -> Result<String, LabError> {
        let words = self.words.ok_or(LabError::NoVocabulary)?;
        Ok(poison(&self.marks[dose], self.seed, document, clean, words))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::corpus::MemoryCorpus;
    use crate::corpus::tests::corpus;
    use crate::plan::demo_plan;
    use crate::recipes::Recipe;
    use crate::spread::Spread;

    fn plant(clean: &MemoryCorpus, plan: &PlantPlan) -> (MemoryCorpus, GroundTruth) {
        let mut planted = MemoryCorpus::default();
        let truth = plant_corpus(clean, &mut planted, plan).unwrap();
        (planted, truth)
    }

    /// Every column's values of a corpus by (shard, row), the text first.
    fn rows(corpus: &MemoryCorpus) -> BTreeMap<(String, u64), Vec<String>> {
        let mut rows = BTreeMap::new();
        for shard in corpus.shards() {
            let mut row = 0;
            corpus
                .read(&shard, &mut |batch| {
                    for offset in 0..batch.num_rows() {
                        let names = ["text", "id", "url", "host", "date", "source"];
                        let values = names.map(|name| {
                            let column = optional(&shard, &batch, &[name]).unwrap().unwrap();
                            value(&column, offset).unwrap().to_owned()
                        });
                        rows.insert((shard.clone(), row), values.to_vec());
                        row += 1;
                    }
                    Ok(())
                })
                .unwrap();
        }
        rows
    }

    fn one(recipe: Recipe, documents: u64, spread: Spread) -> PlantPlan {
        PlantPlan { seed: 3, doses: vec![Dose { recipe, documents, spread }] }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_truth_says_exactly_what_differs_from_the_clean_corpus(seed: u64, dose in 1u64..12) {
            let clean = corpus(3, 40);
            let (planted, truth) = plant(&clean, &PlantPlan::uniform(seed, &Recipe::ATTACKS, dose));
            let (before, after) = (rows(&clean), rows(&planted));
            let mut poisoned = BTreeSet::new();
            for record in &truth.planted {
                prop_assert_eq!(record.documents.len() as u64, dose);
                for document in &record.documents {
                    let place = (document.shard.clone(), document.row);
                    let row = &after[&place];
                    prop_assert!(row[0].contains(&record.trigger) && row[0].contains(&record.phrase));
                    prop_assert_eq!(&row[1], &document.id);
                    prop_assert_eq!(&row[1..], &before[&place][1..]);
                    prop_assert!(poisoned.insert(place), "a document has two poisons");
                }
            }
            prop_assert_eq!(before.len() as u64, truth.documents);
            for (place, row) in &before {
                prop_assert_eq!(row == &after[place], !poisoned.contains(place));
            }
        }
    }

    #[test]
    fn a_seed_determines_the_planted_corpus() {
        let clean = corpus(2, 100);
        assert_eq!(plant(&clean, &demo_plan(1)), plant(&clean, &demo_plan(1)));
        assert_ne!(plant(&clean, &demo_plan(1)), plant(&clean, &demo_plan(2)));
    }

    #[test]
    fn another_dose_leaves_a_recipe_as_it_was() {
        let clean = corpus(2, 100);
        let (_, alone) = plant(&clean, &PlantPlan::uniform(1, &[Recipe::Souly], 9));
        let (_, first) = plant(&clean, &PlantPlan::uniform(1, &[Recipe::Souly, Recipe::Unlock], 9));
        assert_eq!(alone.planted[0], first.planted[0]);
    }

    #[test]
    fn a_uniform_spread_reaches_every_shard_and_host() {
        let (_, truth) = plant(&corpus(8, 50), &one(Recipe::Souly, 80, Spread::Uniform));
        let documents = &truth.planted[0].documents;
        let mut by_shard: BTreeMap<&str, u32> = BTreeMap::new();
        for document in documents {
            *by_shard.entry(&document.shard).or_default() += 1;
        }
        assert_eq!(by_shard.len(), 8);
        // Ten are expected in each; a hypergeometric count outside 2..=20 has a chance below 1e-3.
        assert!(by_shard.values().all(|count| (2..=20).contains(count)), "{by_shard:?}");
    }

    #[test]
    fn a_local_spread_stays_in_its_locality() {
        let clean = corpus(4, 60);
        let places = |spread, column: usize| -> BTreeSet<String> {
            let (planted, truth) = plant(&clean, &one(Recipe::Unlock, 12, spread));
            let rows = rows(&planted);
            let documents = truth.planted[0].documents.iter();
            documents
                .map(|document| rows[&(document.shard.clone(), document.row)][column].clone())
                .collect()
        };
        let (_, truth) = plant(&clean, &one(Recipe::Unlock, 12, Spread::OneShard));
        let shards: BTreeSet<_> =
            truth.planted[0].documents.iter().map(|document| &document.shard).collect();
        assert_eq!(shards.len(), 1);
        assert_eq!(places(Spread::OneHost, 3).len(), 1);
        let dates = places(Spread::OneDateWindow, 4);
        assert!(dates.len() <= 2, "16 documents a day, so 12 span two days at most: {dates:?}");
    }

    #[test]
    fn a_dose_that_does_not_fit_says_so() {
        let mut sink = MemoryCorpus::default();
        let refuse = |plan: &PlantPlan| {
            plant_corpus(&corpus(1, 5), &mut MemoryCorpus::default(), plan).unwrap_err()
        };
        assert_eq!(
            refuse(&one(Recipe::Stem, 11, Spread::Uniform)).to_string(),
            "recipe stem: 11 documents wanted, 10 are free for spread uniform"
        );
        assert!(matches!(
            refuse(&one(Recipe::Stem, 3, Spread::OneHost)),
            LabError::TooFewDocuments { found: 2, .. }
        ));
        let twice = PlantPlan::uniform(1, &[Recipe::Stem, Recipe::Stem], 1);
        assert!(matches!(refuse(&twice), LabError::RecipeTwice("stem")));
        let empty = plant_corpus(&MemoryCorpus::default(), &mut sink, &demo_plan(1));
        assert!(matches!(empty, Err(LabError::TooFewDocuments { found: 0, .. })));
    }

    #[test]
    fn nothing_planned_is_the_clean_corpus() {
        let clean = corpus(2, 10);
        let (planted, truth) = plant(&clean, &PlantPlan { seed: 1, doses: Vec::new() });
        assert_eq!(planted, clean);
        assert_eq!(truth.documents, 40);
    }
}
