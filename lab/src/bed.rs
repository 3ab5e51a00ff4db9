//! A clean corpus that is planted again and again.
//!
//! The part of the corpus that is used is written out once, and planted while it is read ([`Bed::view`]). A planting
//! that is written out ([`Bed::plant`]) rewrites the shards that get a poison and links the others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use tokio::runtime::Handle;

use crate::corpus::{Corpus, CorpusSink, in_shard, optional, value};
use crate::error::LabError;
use crate::plan::PlantPlan;
use crate::planting::Planter;
use crate::split::{Part, halves};
use crate::stored::{StoredCorpus, StoredSink, write_truth};
use crate::survey::Survey;
use crate::truth::GroundTruth;
use crate::view::{PlantedView, view};

/// Names of the column that says on which host a document was, best first.
const HOST_COLUMNS: [&str; 2] = ["host", "domain"];

/// A clean corpus on this machine, and what plans need to know of it.
#[derive(Debug)]
pub struct Bed {
    folder: PathBuf,
    corpus: StoredCorpus,
    survey: Survey,
}

impl Bed {
    /// Writes a part of the corpus at `inputs` to `folder`, which must not hold shards, and surveys it.
    ///
    /// Reads the inputs twice and the part once. Calls block; do not call from a task of `runtime`.
    ///
    /// # Errors
    /// A shard cannot be read, the folder holds shards, or the store fails.
    pub fn prepare(
        inputs: &[String],
        folder: &Path,
        part: Part,
        runtime: &Handle,
    ) -> Result<Self, LabError> {
        let whole = StoredCorpus::open(inputs, runtime)?;
        let mut sink = StoredSink::create(folder, runtime)?;
        let halves = if part == Part::Whole { BTreeMap::new() } else { halves(&hosts(&whole)?) };
        let holds = |host: &str| part.holds(halves.get(host).copied().unwrap_or_default());
        for shard in whole.shards() {
            whole.read(&shard, &mut |batch| {
                let batch = if part == Part::Whole { batch } else { kept(&shard, &batch, &holds)? };
                if batch.num_rows() == 0 { Ok(()) } else { sink.write(&shard, &batch) }
            })?;
        }
        sink.finish()?;
        let location = folder.to_str().ok_or_else(|| LabError::Path(folder.to_owned()))?;
        let corpus = StoredCorpus::open(&[location.to_owned()], runtime)?;
        let survey = Survey::of(&corpus)?;
        Ok(Self { folder: folder.to_owned(), corpus, survey })
    }

    /// The folder of the clean corpus.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Documents of the clean corpus.
    pub fn documents(&self) -> u64 {
        self.survey.documents()
    }

    /// The corpus with a plan in it, planted while it is read, and what is planted where.
    ///
    /// # Errors
    /// A dose does not fit, or a shard cannot be read.
    pub fn view(&self, plan: &PlantPlan) -> Result<(PlantedView, GroundTruth), LabError> {
        view(&self.corpus, &self.survey, plan)
    }

    /// Plants a plan into `out`, which must not hold shards, with its ground truth beside the shards.
    ///
    /// # Errors
    /// A dose does not fit, `out` holds shards, or a file cannot be written.
    pub fn plant(
        &self,
        plan: &PlantPlan,
        out: &Path,
        runtime: &Handle,
    ) -> Result<GroundTruth, LabError> {
        let mut planter = Planter::new(&self.survey, plan)?;
        let mut sink = StoredSink::create(out, runtime)?;
        for (shard, rows) in self.corpus.shards().iter().zip(&self.survey.rows) {
            if planter.touches(*rows) {
                planter.shard(&self.corpus, &mut sink, shard, *rows)?;
            } else {
                link(&self.folder.join(shard), &out.join(shard))?;
                planter.pass(*rows);
            }
        }
        sink.finish()?;
        write_truth(&sink, &planter.truth)?;
        Ok(planter.truth)
    }
}

/// Documents of every host; those without one count for the empty name.
fn hosts(corpus: &StoredCorpus) -> Result<BTreeMap<String, u64>, LabError> {
    let mut hosts = BTreeMap::new();
    for shard in corpus.shards() {
        corpus.read(&shard, &mut |batch| {
            let column = optional(&shard, &batch, &HOST_COLUMNS)?;
            for row in 0..batch.num_rows() {
                let host = column.as_ref().and_then(|column| value(column, row));
                *hosts.entry(host.unwrap_or_default().to_owned()).or_insert(0) += 1;
            }
            Ok(())
        })?;
    }
    Ok(hosts)
}

/// The rows whose host is held.
fn kept(
    shard: &str,
    batch: &RecordBatch,
    holds: &impl Fn(&str) -> bool,
) -> Result<RecordBatch, LabError> {
    let column = optional(shard, batch, &HOST_COLUMNS)?;
    let host = |row| column.as_ref().and_then(|column| value(column, row)).unwrap_or_default();
    let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(holds(host(row)))).collect();
    filter_record_batch(batch, &mask).map_err(|source| in_shard(shard, source))
}

/// A second name for a file; a copy where the file system has no links.
fn link(from: &Path, to: &Path) -> Result<(), LabError> {
    let failed = |source| LabError::File { path: to.to_owned(), source };
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(failed)?;
    }
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::corpus::tests::corpus;
    use crate::plan::Dose;
    use crate::recipes::Recipe;
    use crate::spread::Spread;

    fn prepared(folder: &Path, part: Part, runtime: &Handle) -> Bed {
        let clean = folder.join("clean");
        if !clean.exists() {
            let (memory, mut sink) = (corpus(4, 50), StoredSink::create(&clean, runtime).unwrap());
            for shard in memory.shards() {
                memory.read(&shard, &mut |batch| sink.write(&shard, &batch)).unwrap();
            }
            sink.finish().unwrap();
        }
        let inputs = [clean.to_str().unwrap().to_owned()];
        Bed::prepare(&inputs, &folder.join(part.name()), part, runtime).unwrap()
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    #[test]
    fn halves_are_the_whole() {
        let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
        let documents = [Part::Whole, Part::Choose, Part::Report]
            .map(|part| prepared(folder.path(), part, runtime.handle()).documents());
        assert_eq!(documents[0], 400);
        assert_eq!(documents[1] + documents[2], 400);
        assert!(documents[1] > 0 && documents[2] > 0);
    }

    #[test]
    fn shards_without_poison_are_linked_and_the_planting_is_the_usual_one() {
        let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
        let bed = prepared(folder.path(), Part::Whole, runtime.handle());
        let dose = Dose { recipe: Recipe::Unlock, documents: 10, spread: Spread::OneShard };
        let plan = PlantPlan { seed: 5, doses: vec![dose] };
        let truth = bed.plant(&plan, &folder.path().join("planted"), runtime.handle()).unwrap();
        let poisoned = &truth.planted[0].documents[0].shard;
        for shard in bed.corpus.shards() {
            let inode = |folder: &Path| std::fs::metadata(folder.join(&shard)).unwrap().ino();
            let linked = inode(bed.folder()) == inode(&folder.path().join("planted"));
            assert_eq!(linked, shard != *poisoned, "{shard}");
        }
        let usual = folder.path().join("usual");
        let clean = folder.path().join("clean");
        let twin = crate::plant(clean.to_str().unwrap(), &usual, &plan, runtime.handle()).unwrap();
        assert_eq!(twin, truth);
    }
}
