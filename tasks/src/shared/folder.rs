//! The records of one audit in the work store.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use taster_planning::schedule::{AuditId, Ending, Exclusion, Stage, StageRecord};
use taster_planning::{DigestBuilder, Manifest, Quarantine, QuarantineReason, partition};
use taster_storage::{Frozen, Sources, StorageError, Store, freeze};
use tokio::runtime::Handle;

use super::{SharedFacts, SharedRequest};
use crate::TaskError;
use crate::error::InObject;
use crate::workspace::Workspace;

/// The records of one audit in the work store: all that a coordinator remembers. Every call
/// blocks and may be repeated.
#[derive(Debug, Clone)]
pub struct AuditFolder {
    store: Store,
    prefix: String,
}

/// What is read, frozen, and where it is.
#[derive(Debug, Serialize, Deserialize)]
struct FrozenManifest {
    manifest: Manifest,
    /// Path or URL of every shard.
    locations: Vec<String>,
}

impl FrozenManifest {
    fn of(request: &SharedRequest, runtime: &Handle) -> Result<Self, TaskError> {
        let Frozen { manifest, sources } = freeze(&request.inputs, &request.parameters, runtime)?;
        Ok(Self { manifest, locations: sources.locations() })
    }

    fn facts(&self, request: &SharedRequest) -> SharedFacts {
        SharedFacts {
            units: partition(&self.manifest, request.unit_bytes).len() as u32,
            shards: self.manifest.shards.len() as u64,
            text_bytes: self.manifest.text_bytes(),
        }
    }
}

impl AuditFolder {
    /// The folder of audit `id` in the work store; nothing is read.
    #[must_use]
    pub fn new(store: Store, id: &AuditId) -> Self {
        Self { store, prefix: format!("audits/{id}") }
    }

    /// Ids of all audits in a work store, ascending. Cost: lists every record of every audit.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn list(store: &Store) -> Result<Vec<AuditId>, TaskError> {
        let keys = store.list("audits")?;
        let id = |(key, _): &(String, u64)| {
            let id = key.strip_prefix("audits/")?.strip_suffix("/audit.json")?;
            Some(AuditId(id.to_owned()))
        };
        Ok(keys.iter().filter_map(id).collect())
    }

    /// Freezes the manifest and commits the audit under an identity that is a digest of both: the
    /// same request for the same shards is the same audit.
    ///
    /// # Errors
    /// As for [`AuditFolder::prepare`].
    pub fn enrol(
        store: Store,
        request: &SharedRequest,
        runtime: &Handle,
    ) -> Result<(Self, AuditId), TaskError> {
        let request = request.checked()?;
        let frozen = FrozenManifest::of(&request, runtime)?;
        let timeless = SharedRequest { submitted_unix_seconds: 0, ..request.clone() };
        let json = |value: Result<Vec<u8>, serde_json::Error>| value.in_object("audit.json");
        let digest = DigestBuilder::new("taster audit 1")
            .bytes(&json(serde_json::to_vec(&timeless))?)
            .bytes(&json(serde_json::to_vec(&frozen))?);
        let id = AuditId(digest.finish().short());
        let folder = Self::new(store, &id);
        folder.commit(&request, &frozen)?;
        Ok((folder, id))
    }

    /// Freezes the manifest and commits the audit, or finds it committed. Who submits twice at
    /// the same time gets the manifest of whoever was first.
    ///
    /// # Errors
    /// Trouble with a store; an input that names nothing; parameters that cannot be used; an
    /// audit of this id that was asked for otherwise.
    pub fn prepare(
        &self,
        request: &SharedRequest,
        runtime: &Handle,
    ) -> Result<SharedFacts, TaskError> {
        let request = request.checked()?;
        if self.request()?.is_none() {
            self.commit(&request, &FrozenManifest::of(&request, runtime)?)?;
        }
        self.expect(&request)?;
        self.facts()
    }

    /// The request comes last: an audit without one is not there yet.
    fn commit(&self, request: &SharedRequest, frozen: &FrozenManifest) -> Result<(), TaskError> {
        self.create("manifest.json", frozen)?;
        self.create("audit.json", request)
    }

    /// Refuses a request that is not the committed one, but for its time.
    fn expect(&self, request: &SharedRequest) -> Result<(), TaskError> {
        let known = self.request()?;
        let same = known.as_ref().is_some_and(|known| {
            let submitted_unix_seconds = known.submitted_unix_seconds;
            *known == SharedRequest { submitted_unix_seconds, ..request.clone() }
        });
        if same {
            return Ok(());
        }
        let message = format!("expected a new submission, got the id of another: {}", self.prefix);
        Err(TaskError::Parameter(message))
    }

    /// What was asked for; `None` if there is no such audit.
    ///
    /// # Errors
    /// Trouble with the store; a damaged record.
    pub fn request(&self) -> Result<Option<SharedRequest>, TaskError> {
        self.read("audit.json")
    }

    /// What the audit consists of, from its committed manifest.
    ///
    /// # Errors
    /// Trouble with the store; an audit that is not there; a damaged record.
    pub fn facts(&self) -> Result<SharedFacts, TaskError> {
        Ok(self.frozen()?.facts(&self.committed()?))
    }

    /// Number of exclusions that are committed.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn generation(&self) -> Result<u32, TaskError> {
        Ok(self.store.list(&self.key("excluded"))?.len() as u32)
    }

    /// Commits an exclusion as number `generation`; one of that number that is there stays.
    ///
    /// # Errors
    /// Trouble with the store; [`TaskError::Parameter`] if the cause names no shard of the audit.
    pub fn exclude(&self, generation: u32, cause: &Exclusion) -> Result<(), TaskError> {
        let quarantine = match cause {
            Exclusion::Shard(quarantine) => quarantine.clone(),
            Exclusion::Poison { unit, workers } => self.poison(*unit, *workers)?,
        };
        let manifest = self.frozen()?.manifest;
        if !manifest.shards.iter().any(|shard| shard.key == quarantine.shard) {
            let message = format!("expected a shard of the audit, got {:?}", quarantine.shard);
            return Err(TaskError::Parameter(message));
        }
        self.create(&format!("excluded/{generation:05}.json"), &quarantine)
    }

    fn poison(&self, unit: u32, workers: u32) -> Result<Quarantine, TaskError> {
        let manifest = self.frozen()?.manifest;
        let units = partition(&manifest, self.committed()?.unit_bytes);
        let unit = units.get(unit as usize).ok_or_else(|| {
            TaskError::Parameter(format!("expected a unit below {}, got {unit}", units.len()))
        })?;
        Ok(Quarantine {
            shard: manifest.shards[unit.shard_ord as usize].key.clone(),
            reason: QuarantineReason::Poison,
            detail: format!(
                "{workers} workers were lost over row groups {}..{}",
                unit.row_group_start, unit.row_group_end
            ),
        })
    }

    /// The shards that the first `generation` exclusions and the manifest leave out, by key.
    ///
    /// # Errors
    /// Trouble with the store; an exclusion that is not there; a damaged record.
    pub(super) fn excluded(
        &self,
        generation: u32,
    ) -> Result<BTreeMap<String, Quarantine>, TaskError> {
        let mut excluded: BTreeMap<String, Quarantine> =
            self.frozen()?.manifest.quarantined().map(|q| (q.shard.clone(), q.clone())).collect();
        for number in 1..=generation {
            let quarantine: Quarantine = self.expected(&format!("excluded/{number:05}.json"))?;
            excluded.insert(quarantine.shard.clone(), quarantine);
        }
        Ok(excluded)
    }

    /// Commits that a stage is complete.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn record(&self, record: &StageRecord) -> Result<(), TaskError> {
        self.create(&stage_key(record.generation, record.stage), record)
    }

    /// The complete stages of `generation`, in order, up to the first that is not.
    ///
    /// # Errors
    /// Trouble with the store; a damaged record.
    pub fn records(&self, generation: u32) -> Result<Vec<StageRecord>, TaskError> {
        let mut records = Vec::new();
        for stage in Stage::ALL {
            match self.read(&stage_key(generation, stage))? {
                Some(record) => records.push(record),
                None => break,
            }
        }
        Ok(records)
    }

    /// Commits how the audit ended. The first ending stays.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn end(&self, ending: &Ending) -> Result<(), TaskError> {
        self.create("ended.json", ending)
    }

    /// How the audit ended; `None` while it runs.
    ///
    /// # Errors
    /// Trouble with the store; a damaged record.
    pub fn ending(&self) -> Result<Option<Ending>, TaskError> {
        self.read("ended.json")
    }

    /// The workspace of the audit's tasks.
    pub(super) fn workspace(
        &self,
        request: &SharedRequest,
        work: &Store,
        runtime: &Handle,
    ) -> Result<Workspace, TaskError> {
        let FrozenManifest { manifest, locations } = self.frozen()?;
        let sources = Sources::open(&locations, runtime)?;
        let segment_tokens = request.segment_tokens as usize;
        let parameters = request.parameters.clone();
        Workspace::new(work.clone(), sources, manifest, parameters, segment_tokens)
    }

    fn frozen(&self) -> Result<FrozenManifest, TaskError> {
        self.expected("manifest.json")
    }

    fn committed(&self) -> Result<SharedRequest, TaskError> {
        self.expected("audit.json")
    }

    /// Path or URL of the folder.
    pub(super) fn location(&self) -> String {
        format!("{}/{}", self.store.location().trim_end_matches('/'), self.prefix)
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, TaskError> {
        let key = self.key(name);
        let bytes = self.store.get(&key)?;
        bytes.map(|bytes| serde_json::from_slice(&bytes).in_object(&key)).transpose()
    }

    fn expected<T: DeserializeOwned>(&self, name: &str) -> Result<T, TaskError> {
        let missing = || TaskError::damaged(&self.key(name), "expected a record, got none");
        self.read(name)?.ok_or_else(missing)
    }

    /// Creates a record; one that is there stays, whatever it says.
    pub(super) fn create<T: Serialize>(&self, name: &str, record: &T) -> Result<(), TaskError> {
        let key = self.key(name);
        let bytes = serde_json::to_vec(record).in_object(&key)?;
        match self.store.commit(&key, Bytes::from(bytes)) {
            Err(StorageError::Conflict { .. }) => Ok(()),
            other => Ok(other?),
        }
    }
}

fn stage_key(generation: u32, stage: Stage) -> String {
    format!("stages/{generation:05}-{}.json", stage.numbered())
}
