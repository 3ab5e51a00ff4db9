//! What a store can do, tried out.

use bytes::Bytes;
use object_store::{ObjectStoreExt, PutMode};

use crate::{StorageError, Store};

/// What came of trying a store with one small object. Steps are tried whatever came of others
/// that they do not need, so that all that is missing is seen at once.
#[derive(Debug)]
pub struct StoreProbe {
    /// Writing the object.
    pub write: Result<(), StorageError>,
    /// Listing its folder; false if what was written is not in there.
    pub list: Result<bool, StorageError>,
    /// What else was tried with the object; none if it could not be written.
    pub object: Option<ObjectProbe>,
}

/// What became of an object that was written.
#[derive(Debug)]
pub struct ObjectProbe {
    /// Reading it; false if other bytes came back.
    pub read: Result<bool, StorageError>,
    /// Reading a part of it; false if other bytes came back.
    pub range: Result<bool, StorageError>,
    /// Creating it again, which must be refused; false if the store overwrote it.
    pub create_only: Result<bool, StorageError>,
    /// When it was written, by the store's clock, in seconds since 1970.
    pub modified_seconds: Result<i64, StorageError>,
    /// Deleting it.
    pub delete: Result<(), StorageError>,
}

impl Store {
    /// Tries the store with an object in the folder `folder`, which nobody else uses, and deletes
    /// it.
    #[must_use]
    pub fn probe(&self, folder: &str) -> StoreProbe {
        let key = format!("{folder}/probe");
        let (bytes, others) = (Bytes::from_static(b"taster"), Bytes::from_static(b"others"));
        let write = self.replace(&key, bytes.clone());
        let listed = |found: &[(String, u64)]| found.iter().any(|(found, _)| *found == key);
        let list = self.list(folder).map(|found| write.is_err() || listed(&found));
        let object = write.is_ok().then(|| ObjectProbe {
            read: self.get(&key).map(|found| found.as_ref() == Some(&bytes)),
            range: self.get_range(&key, 1..4).map(|found| found == bytes.slice(1..4)),
            create_only: self.refuses(&key, &bytes, others),
            modified_seconds: self.modified_seconds(&key),
            delete: self.delete(&key),
        });
        StoreProbe { write, list, object }
    }

    /// Whether the store keeps `bytes` when the object is to be created with `others`.
    fn refuses(&self, key: &str, bytes: &Bytes, others: Bytes) -> Result<bool, StorageError> {
        let created = self.put(key, others, PutMode::Create, self.client());
        let kept = self.get(key)?.as_ref() == Some(bytes);
        Ok(created.is_err() && kept)
    }

    fn modified_seconds(&self, key: &str) -> Result<i64, StorageError> {
        let path = self.path(key)?;
        let meta = self.block("look at", key, self.client().head(&path))?;
        Ok(meta.last_modified.timestamp())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixtures::{Folder, runtime};

    #[test]
    fn a_folder_can_do_everything() {
        let folder = Folder::new();
        let store = Store::open(&folder.name("s"), runtime()).unwrap();
        let probe = store.probe(".doctor");
        assert!(probe.write.is_ok() && probe.list.unwrap());
        let object = probe.object.unwrap();
        for held in [object.read, object.range, object.create_only] {
            assert!(held.unwrap());
        }
        assert!(object.modified_seconds.unwrap() > 1_700_000_000 && object.delete.is_ok());
        assert_eq!(store.list("").unwrap(), []);
    }

    #[test]
    fn what_cannot_be_written_is_not_read() {
        let folder = Folder::new();
        let store = Store::open(&folder.name("s"), runtime()).unwrap();
        // A file where the probe needs a folder.
        store.replace("taken", Bytes::from_static(b"x")).unwrap();
        let probe = store.probe("taken");
        assert!(probe.write.is_err() && probe.object.is_none());
    }
}
