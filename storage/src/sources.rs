//! Where the shards of a manifest are.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::location::{self, Buckets, Location};
use crate::object::Place;
use crate::{Overlay, ReadError, StorageError};

/// The objects behind a manifest's shards, by ordinal. Clones share their connections.
#[derive(Clone)]
pub struct Sources {
    inner: Arc<Inner>,
    overlay: Option<Arc<dyn Overlay>>,
}

struct Inner {
    places: Vec<Place>,
    runtime: Handle,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sources({} shards)", self.inner.places.len())
    }
}

impl Sources {
    pub(crate) fn new(places: Vec<Place>, runtime: &Handle) -> Self {
        let runtime = runtime.clone();
        let inner = Arc::new(Inner { places, runtime });
        Self { inner, overlay: None }
    }

    /// The sources at `locations`, one path or URL per shard, in the order of their ordinals.
    /// Nothing is read yet.
    ///
    /// # Errors
    /// A location that cannot be parsed.
    pub fn open(locations: &[String], runtime: &Handle) -> Result<Self, StorageError> {
        let buckets = Buckets::default();
        let places = locations.iter().map(|text| match location::parse(text)? {
            Location::Local(path) => Ok(Place::File(path)),
            Location::S3 { bucket, prefix } => Ok(Place::Object {
                client: buckets.client(&bucket)?,
                path: location::object_path(text, &prefix)?,
                bucket,
            }),
        });
        let places = places.collect::<Result<_, StorageError>>()?;
        Ok(Self::new(places, runtime))
    }

    /// The path or URL of every shard, by ordinal: what [`Sources::open`] takes.
    #[must_use]
    pub fn locations(&self) -> Vec<String> {
        self.inner.places.iter().map(Place::location).collect()
    }

    /// The same shards, read with the texts of an overlay in place of the stored ones.
    #[must_use]
    pub fn overlaid(&self, overlay: &Arc<dyn Overlay>) -> Self {
        Self { overlay: Some(Arc::clone(overlay)), ..self.clone() }
    }

    /// The overlay, if there is one.
    #[must_use]
    pub fn overlay(&self) -> Option<&Arc<dyn Overlay>> {
        self.overlay.as_ref()
    }

    pub(crate) fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    pub(crate) fn place(&self, shard_ord: u32) -> Result<&Place, ReadError> {
        let place = self.inner.places.get(shard_ord as usize);
        place.ok_or_else(|| {
            let message = format!(
                "expected a shard ordinal below {}, got {shard_ord}",
                self.inner.places.len()
            );
            StorageError::Input(message).into()
        })
    }
}
