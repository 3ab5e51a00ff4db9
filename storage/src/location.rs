//! The ways to write where objects are, and the stores behind them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::path::Path as ObjectPath;
use object_store::{ClientConfigKey, ObjectStore, RetryConfig};

use crate::StorageError;

/// Longest time that one request may take, headers and body, unless `AWS_TIMEOUT` says otherwise.
const REQUEST_TIMEOUT: &str = "120 seconds";
/// Longest time over which one request is tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(180);

/// Where something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A file or folder.
    Local(PathBuf),
    /// A bucket and a key or prefix in it, without slashes at its ends.
    S3 { bucket: String, prefix: String },
}

/// Reads a path, a `file://` URL or an `s3://` URL.
///
/// S3 keys are taken as they stand after the bucket: nothing is percent-decoded, as in other
/// command-line tools.
pub(crate) fn parse(text: &str) -> Result<Location, StorageError> {
    if text.is_empty() {
        return Err(StorageError::location(text, "it is empty"));
    }
    match text.split_once("://") {
        None => Ok(Location::Local(PathBuf::from(text))),
        Some(("file", _)) => file_url(text),
        Some(("s3" | "s3a", rest)) => s3_url(text, rest),
        Some((scheme, _)) => Err(StorageError::location(
            text,
            format!("expected a path, file:// or s3://, got scheme {scheme:?}"),
        )),
    }
}

fn file_url(text: &str) -> Result<Location, StorageError> {
    let url = url::Url::parse(text).map_err(|e| StorageError::location(text, e.to_string()))?;
    let path = url
        .to_file_path()
        .map_err(|()| StorageError::location(text, "expected file:///absolute/path"))?;
    Ok(Location::Local(path))
}

fn s3_url(text: &str, rest: &str) -> Result<Location, StorageError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        let reason = "expected s3://bucket/prefix, got no bucket";
        return Err(StorageError::location(text, reason));
    }
    let prefix = prefix.trim_matches('/').to_owned();
    object_path(text, &prefix)?;
    let bucket = bucket.to_owned();
    Ok(Location::S3 { bucket, prefix })
}

/// A key as the store's path; refuses `.` and `..` segments and control characters.
pub(crate) fn object_path(location: &str, key: &str) -> Result<ObjectPath, StorageError> {
    ObjectPath::parse(key).map_err(|e| StorageError::location(location, e.to_string()))
}

/// One client per bucket, so that connections are shared by all shards.
#[derive(Default)]
pub(crate) struct Buckets {
    clients: Mutex<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

impl Buckets {
    /// The client of `bucket`, made when first asked for from the `AWS_*` variables.
    pub(crate) fn client(&self, bucket: &str) -> Result<Arc<dyn ObjectStore>, StorageError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(bucket) {
            return Ok(Arc::clone(client));
        }
        let client = connect(bucket)?;
        clients.insert(bucket.to_owned(), Arc::clone(&client));
        Ok(client)
    }
}

/// The builder is never printed: its `Debug` shows the secret key.
fn connect(bucket: &str) -> Result<Arc<dyn ObjectStore>, StorageError> {
    let retry = RetryConfig { retry_timeout: RETRY_TIMEOUT, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(retry);
    let timeout = AmazonS3ConfigKey::Client(ClientConfigKey::Timeout);
    if builder.get_config_value(&timeout).is_none() {
        builder = builder.with_config(timeout, REQUEST_TIMEOUT);
    }
    let store =
        builder.build().map_err(|e| StorageError::store("open", &format!("s3://{bucket}"), e))?;
    Ok(Arc::new(store))
}
