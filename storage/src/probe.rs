//! What a store can do, tried out.

use bytes::Bytes;
use object_store::{ObjectStoreExt, PutMode};

use crate::{StorageError, Store};

/// What came of trying a store with one small object. Later steps are tried whatever came of
/// earlier ones, so that all that is missing is seen at once.
#[derive(Debug)]
pub struct StoreProbe {
    /// Writing the object.
    pub write: Result<(), StorageError>,
    /// Reading it; false if other bytes came back.
    pub read: Result<bool, StorageError>,
    /// Reading a part of it; false if other bytes came back.
    pub range: Result<bool, StorageError>,
    /// Listing its folder; false if it is not in there.
    pub list: Result<bool, StorageError>,
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
        StoreProbe {
            write: self.replace(&key, bytes.clone()),
            read: self.get(&key).map(|found| found.as_ref() == Some(&bytes)),
            range: self.get_range(&key, 1..4).map(|found| found == bytes.slice(1..4)),
            list: self.list(folder).map(|found| found.iter().any(|(found, _)| *found == key)),
            create_only: self.refuses(&key, &bytes, others),
            modified_seconds: self.modified_seconds(&key),
            delete: self.delete(&key),
        }
    }

    /// Whether the store keeps `bytes` when the object is to be created with `others`.
    fn refuses(&self, key: &str, bytes: &Bytes, others: Bytes) -> Result<bool, StorageError> {
        let created = self.put(key, others, PutMode::Create);
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
        assert!(probe.write.is_ok() && probe.delete.is_ok());
        for held in [probe.read, probe.range, probe.list, probe.create_only] {
            assert!(held.unwrap());
        }
        assert!(probe.modified_seconds.unwrap() > 1_700_000_000);
        assert_eq!(store.list("").unwrap(), []);
    }
}
