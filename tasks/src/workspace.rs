//! What every task of an audit is given.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use taster_ngrams::object::{Directory, Header, Kind, header_length};
use taster_ngrams::posting::MAX_AXES;
use taster_ngrams::{Tokenizer, tokenizer_named};
use taster_planning::{Manifest, Parameters, Unit};
use taster_storage::{Sources, Store};

use crate::TaskError;
use crate::behind::Behind;
use crate::count::Output;
use crate::error::InObject;
use crate::matcher::Matcher;
use crate::memory::Memory;
use crate::sealed::{seal, unseal};

/// The named inputs of all tasks: where outputs go, where shards are, and the parameters. Clones
/// share everything but what stops them.
#[derive(Clone)]
pub(crate) struct Workspace {
    pub store: Store,
    pub sources: Sources,
    pub manifest: Arc<Manifest>,
    pub parameters: Arc<Parameters>,
    pub tokenizer: &'static dyn Tokenizer,
    pub segment_tokens: usize,
    /// Finds the signatures of the parameters; `None` if there are none.
    pub matcher: Option<Arc<Matcher>>,
    /// What tasks leave to the next ones.
    pub memory: Arc<Memory>,
    /// Commits receipts behind the tasks, where a driver waits for them at the end.
    behind: Option<Arc<Behind>>,
    /// Ends the task soon after it is set.
    stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for Workspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Workspace({:?}, {:?})", self.store, self.sources)
    }
}

fn check_axes(manifest: &Manifest) -> Result<(), TaskError> {
    let axes = manifest.axes.len();
    if axes <= MAX_AXES {
        return Ok(());
    }
    let detail = format!("expected at most {MAX_AXES} axes, got {axes}");
    Err(TaskError::Parameter(detail))
}

/// An object of the work store with a parsed slice table.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub key: String,
    pub directory: Directory,
}

impl Workspace {
    pub(crate) fn new(
        store: Store,
        sources: Sources,
        manifest: Manifest,
        parameters: Parameters,
        segment_tokens: usize,
    ) -> Result<Self, TaskError> {
        let tokenizer = tokenizer_named(&parameters.tokenizer).ok_or_else(|| {
            TaskError::Parameter(format!(
                "expected tokenizer words-1, got {:?}",
                parameters.tokenizer
            ))
        })?;
        check_axes(&manifest)?;
        let signatures = &parameters.signatures;
        let matcher = (!signatures.is_empty()).then(|| Matcher::new(signatures)).transpose()?;
        Ok(Self {
            store,
            sources,
            manifest: Arc::new(manifest),
            parameters: Arc::new(parameters),
            tokenizer,
            segment_tokens,
            matcher: matcher.map(Arc::new),
            memory: Arc::default(),
            behind: None,
            stop: Arc::default(),
        })
    }

    /// The same for who calls [`Workspace::settle`] at the end: receipts are committed behind the tasks.
    pub(crate) fn committing_behind(self) -> Self {
        Self { behind: Some(Arc::new(Behind::new(self.store.clone()))), ..self }
    }

    /// Tells of trouble with receipts that is known by now: an audit that cannot end well need not go on.
    ///
    /// # Errors
    /// As for [`Workspace::settle`].
    pub(crate) fn check(&self) -> Result<(), TaskError> {
        self.behind.as_ref().map_or(Ok(()), |behind| behind.check())
    }

    /// Waits for the receipts that are committed behind the tasks.
    ///
    /// # Errors
    /// Trouble with one of them.
    pub(crate) fn settle(&self) -> Result<(), TaskError> {
        self.behind.as_ref().map_or(Ok(()), |behind| behind.settle())
    }

    /// The same for a task that `stop` ends.
    pub(crate) fn until(&self, stop: &Arc<AtomicBool>) -> Self {
        Self { stop: Arc::clone(stop), ..self.clone() }
    }

    /// Whether the task may go on; asked every few milliseconds of work.
    ///
    /// # Errors
    /// [`TaskError::Stopped`] if it was told to stop.
    pub(crate) fn proceed(&self) -> Result<(), TaskError> {
        if self.stop.load(Ordering::Relaxed) { Err(TaskError::Stopped) } else { Ok(()) }
    }

    /// Key of a unit's shard.
    pub(crate) fn key(&self, unit: &Unit) -> &str {
        &self.manifest.shards[unit.shard_ord as usize].key
    }

    /// Orders that are counted: those asked for and, for novelty, all from 2 up.
    pub(crate) fn orders(&self) -> RangeInclusive<u8> {
        self.parameters.orders.first..=self.parameters.orders.last
    }

    /// A header for objects of this audit.
    pub(crate) fn header(&self, kind: Kind, documents: u64, tokens: u64) -> Header {
        let config = self.parameters.counting().0;
        Header { kind, seed: self.parameters.seed, config, documents, tokens }
    }

    /// The receipt at `key`, if the task has committed.
    pub(crate) fn receipt<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, TaskError> {
        self.store.get(key)?.map(|bytes| unseal(key, &bytes)).transpose()
    }

    /// Whether committed outputs are still there in full. One that is short (a power cut came
    /// before it was on the disk) is deleted, so that its task can run again.
    pub(crate) fn intact<'a>(
        &self,
        outputs: impl Iterator<Item = &'a Output>,
    ) -> Result<bool, TaskError> {
        let mut intact = true;
        for output in outputs {
            let size = self.store.size(&output.key)?;
            intact &= size == Some(output.bytes);
            if size.is_some_and(|size| size != output.bytes) {
                self.store.delete(&output.key)?;
            }
        }
        Ok(intact)
    }

    /// Commits a receipt: the task is done.
    pub(crate) fn commit_receipt<T: Serialize>(
        &self,
        key: &str,
        receipt: &T,
    ) -> Result<(), TaskError> {
        let bytes = seal(key, receipt)?;
        let handed = match &self.behind {
            Some(behind) => behind.commit(key, bytes),
            None => Err(bytes),
        };
        handed.or_else(|bytes| Ok(self.store.commit(key, bytes)?))
    }

    /// Reads and checks the header of an object with `slices` slices.
    pub(crate) fn open(
        &self,
        key: &str,
        kind: Kind,
        slices: usize,
        bytes: u64,
    ) -> Result<Opened, TaskError> {
        let length = (header_length(slices) as u64).min(bytes);
        let head = self.store.get_range(key, 0..length)?;
        let directory = Directory::parse(&head, bytes).in_object(key)?;
        directory
            .expect(kind, self.parameters.seed, &self.parameters.counting().0)
            .in_object(key)?;
        if directory.slices() != slices {
            let detail = format!("expected {slices} slices, got {}", directory.slices());
            return Err(TaskError::damaged(key, detail));
        }
        Ok(Opened { key: key.to_owned(), directory })
    }

    /// The bytes of the slices `from..to` of an opened object.
    pub(crate) fn slices(
        &self,
        opened: &Opened,
        from: usize,
        to: usize,
    ) -> Result<Bytes, TaskError> {
        let range = opened.directory.range(from, to);
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        Ok(self.store.get_range(&opened.key, range)?)
    }
}
