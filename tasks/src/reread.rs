//! Reads the inputs of a finished audit again, shard by shard, and makes sure that they are still
//! those that were audited: rows of another version would name other documents.

use std::collections::BTreeMap;

use taster_planning::{Limits, Manifest, Parameters, ShardColumns, ShardEntry};
use taster_storage::{DocumentBatch, Frozen, Sources, StorageError, Want, freeze};
use tokio::runtime::Handle;

use crate::text_digest::ShardDigest;
use crate::{FinishedAudit, ShardLine, TaskError};

/// Name of the column with a document's address.
const URL: &str = "url";

/// The inputs of a finished audit.
pub struct Reread {
    manifest: Manifest,
    sources: Sources,
    lines: BTreeMap<String, ShardLine>,
    limits: Limits,
    /// Ordinal of the axis that is the column `url`.
    url: Option<usize>,
}

impl Reread {
    /// Finds the inputs where they are now: `inputs`, or what the audit's `run.json` names.
    ///
    /// # Errors
    /// Trouble with a store, or inputs that name nothing.
    pub fn open(
        audit: &FinishedAudit,
        inputs: Option<&[String]>,
        runtime: &Handle,
    ) -> Result<Self, TaskError> {
        let inputs = inputs.unwrap_or(&audit.run.inputs);
        if inputs.is_empty() {
            return Err(TaskError::Parameter(
                "expected the inputs in run.json, found none; name them with --input".to_owned(),
            ));
        }
        Self::new(inputs, &audit.report.parameters, audit.shards()?, runtime)
    }

    fn new(
        inputs: &[String],
        parameters: &Parameters,
        lines: Vec<ShardLine>,
        runtime: &Handle,
    ) -> Result<Self, TaskError> {
        let Frozen { manifest, sources } = freeze(inputs, parameters, runtime)?;
        let lines = lines.into_iter().map(|line| (line.key.clone(), line)).collect();
        let url = manifest.axes.iter().position(|axis| axis == URL);
        Ok(Self { manifest, sources, lines, limits: parameters.limits.clone(), url })
    }

    /// The same with the column `url` of every document, where the inputs have it. `lines` are
    /// the shards of an audit with these parameters.
    ///
    /// # Errors
    /// As for [`Reread::open`].
    pub(crate) fn with_urls(
        inputs: &[String],
        parameters: &Parameters,
        lines: Vec<ShardLine>,
        runtime: &Handle,
    ) -> Result<Self, TaskError> {
        let axes = |axes| Parameters { axes, label_column: None, ..parameters.clone() };
        match Self::new(inputs, &axes(Some(vec![URL.to_owned()])), lines.clone(), runtime) {
            // No shard has such a column.
            Err(TaskError::Storage(StorageError::Input(_))) => {
                Self::new(inputs, &axes(None), lines, runtime)
            }
            other => other,
        }
    }

    /// The URL of a document, if they are read.
    pub(crate) fn url<'b>(&self, batch: &'b DocumentBatch, index: usize) -> Option<&'b str> {
        batch.axis(self.url?, index)
    }

    /// Keys of all shards of the audit in their order, the quarantined ones included.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.lines.keys().map(String::as_str)
    }

    /// Path or URL of every shard that is there now, by key.
    #[must_use]
    pub fn locations(&self) -> BTreeMap<&str, String> {
        let keys = self.manifest.shards.iter().map(|shard| shard.key.as_str());
        keys.zip(self.sources.locations()).collect()
    }

    /// How the first shard that can be read is read: names of its text and id columns.
    #[must_use]
    pub fn columns(&self) -> Option<&ShardColumns> {
        self.manifest.shards.iter().find_map(|shard| shard.columns.as_ref())
    }

    /// Hands every row of the shard `key`, in row order, to `visit` as a batch and its index in it.
    /// A shard that the audit could not read has no rows.
    ///
    /// # Errors
    /// A shard that is not there any more or has other texts than the audit read; what `visit`
    /// got of it must not be used. Trouble with the store.
    pub fn rows(
        &self,
        key: &str,
        mut visit: impl FnMut(&DocumentBatch, usize) -> Result<(), TaskError>,
    ) -> Result<(), TaskError> {
        let Some(expected) = self.lines.get(key).and_then(|line| line.blake3.as_deref()) else {
            return Ok(());
        };
        let (ord, shard) = self.shard(key)?;
        let groups = 0..shard.row_groups.len() as u32;
        let want = Want { axes: self.url.is_some(), ids: true };
        let mut stream = self.sources.documents(ord, shard, groups, want, &self.limits)?;
        let mut digest = ShardDigest::default();
        while let Some(batch) = stream.next_batch()? {
            for index in 0..batch.len() {
                digest.row(batch.text(index));
                visit(&batch, index)?;
            }
        }
        match digest.finish().to_string() == expected {
            true => Ok(()),
            false => Err(changed(key, "its texts are others")),
        }
    }

    fn shard(&self, key: &str) -> Result<(u32, &ShardEntry), TaskError> {
        let shards = &self.manifest.shards;
        let found = shards.binary_search_by(|shard| shard.key.as_str().cmp(key));
        match found {
            Ok(ord) => Ok((ord as u32, &shards[ord])),
            Err(_) => Err(changed(key, "it is not there")),
        }
    }
}

fn changed(key: &str, how: &str) -> TaskError {
    TaskError::Parameter(format!(
        "{key}: expected the shard that was audited, but {how}; audit the corpus again, or name \
         where the audited one is with --input"
    ))
}
