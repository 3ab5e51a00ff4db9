//! Writing objects: create-only for outputs, overwriting for reports.

use bytes::Bytes;
use object_store::{PutMode, PutOptions, PutPayload};

use crate::{StorageError, Store};

impl Store {
    /// Creates `key` with `bytes`, or finds it there with the same bytes.
    ///
    /// An output is a pure function of its key, so whoever wrote equal bytes first did the same
    /// work. That also covers a store which answers "exists already" to its own late success, or
    /// an error after the object has landed: what counts is what is read back.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] if the object exists with other bytes; otherwise the store's
    /// trouble, if the object is not there afterwards.
    pub fn commit(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        let Err(trouble) = self.put(key, bytes.clone(), PutMode::Create) else {
            return Ok(());
        };
        match self.get(key) {
            Ok(Some(found)) if found == bytes => Ok(()),
            Ok(Some(found)) => Err(StorageError::Conflict {
                key: self.name(key),
                expected: digest(&bytes),
                found: digest(&found),
            }),
            _ => Err(trouble),
        }
    }

    /// Writes `key`, over whatever is there. For report files, never for outputs of tasks.
    ///
    /// # Errors
    /// Trouble with the store.
    pub fn replace(&self, key: &str, bytes: Bytes) -> Result<(), StorageError> {
        self.put(key, bytes, PutMode::Overwrite)
    }

    fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        let path = self.path(key)?;
        let payload = PutPayload::from_bytes(bytes);
        let options = PutOptions::from(mode);
        self.block("write", key, self.client().put_opts(&path, payload, options))?;
        Ok(())
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
