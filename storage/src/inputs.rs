//! INPUT as a user writes it: a file, a folder, a pattern, a URL, or a list of those.

use std::path::{Path, PathBuf};

use tokio::runtime::Handle;

use crate::StorageError;
use crate::keys::{self, Address};
use crate::listing;
use crate::location::{self, Buckets, Location};
use crate::object::{Place, Version};

/// One object to audit.
pub(crate) struct Candidate {
    pub address: Address,
    pub place: Place,
    /// The version that must be read, as a listing or a list says.
    pub version: Version,
}

/// The objects of one input and its root.
pub(crate) struct Expanded {
    pub root: Address,
    pub candidates: Vec<Candidate>,
}

/// Turns inputs into objects.
pub(crate) struct Expander<'a> {
    pub buckets: &'a Buckets,
    pub runtime: &'a Handle,
}

impl Expander<'_> {
    /// The objects that `input` names; an error if there are none.
    pub(crate) fn expand(&self, input: &str) -> Result<Expanded, StorageError> {
        let expanded = match input.strip_prefix('@') {
            Some(list) => self.list(list)?,
            None => self.one(input)?,
        };
        if expanded.candidates.is_empty() {
            let message = format!("no shard found in {input:?}: expected *.parquet objects");
            return Err(StorageError::Input(message));
        }
        Ok(expanded)
    }

    fn one(&self, input: &str) -> Result<Expanded, StorageError> {
        match location::parse(input)? {
            Location::S3 { bucket, prefix } => self.remote(&bucket, &prefix),
            Location::Local(path) => local(&path),
        }
    }

    fn remote(&self, bucket: &str, prefix: &str) -> Result<Expanded, StorageError> {
        // A name that ends like a shard is most likely one; asking for it first saves a listing.
        // It may still be a folder of shards: some writers name folders so.
        if prefix.ends_with(".parquet")
            && let Some(expanded) = self.object(bucket, prefix)?
        {
            return Ok(expanded);
        }
        let expanded = self.below(bucket, prefix)?;
        if expanded.candidates.is_empty() && !prefix.is_empty() {
            return Ok(self.object(bucket, prefix)?.unwrap_or(expanded));
        }
        Ok(expanded)
    }

    fn object(&self, bucket: &str, key: &str) -> Result<Option<Expanded>, StorageError> {
        let place = self.place(bucket, key)?;
        let Some(version) = place.version(self.runtime)? else {
            return Ok(None);
        };
        let address = keys::of_object(bucket, key);
        let root = keys::parent(&address);
        let candidates = vec![Candidate::found(address, place, version)];
        Ok(Some(Expanded { root, candidates }))
    }

    fn below(&self, bucket: &str, prefix: &str) -> Result<Expanded, StorageError> {
        let name = format!("s3://{bucket}/{prefix}");
        let client = self.buckets.client(bucket)?;
        let path = location::object_path(&name, prefix)?;
        let mut candidates = Vec::new();
        for meta in listing::prefix(&name, &client, &path, self.runtime)? {
            let address = keys::of_object(bucket, meta.location.as_ref());
            let place = self.place(bucket, meta.location.as_ref())?;
            let version = Version { size: meta.size, etag: meta.e_tag };
            candidates.push(Candidate::found(address, place, version));
        }
        let root = keys::of_object(bucket, prefix);
        Ok(Expanded { root, candidates })
    }

    fn place(&self, bucket: &str, key: &str) -> Result<Place, StorageError> {
        let path = location::object_path(&format!("s3://{bucket}/{key}"), key)?;
        Ok(Place::Object { client: self.buckets.client(bucket)?, bucket: bucket.to_owned(), path })
    }

    fn list(&self, list: &str) -> Result<Expanded, StorageError> {
        let text =
            std::fs::read_to_string(list).map_err(|e| StorageError::file("read", list, e))?;
        let mut lines = Vec::new();
        for (number, line) in text.lines().enumerate() {
            if let Some(line) = ListLine::parse(list, number + 1, line)? {
                lines.push(self.listed(&line)?);
            }
        }
        let root = keys::common(lines.iter().map(|line| &line.root));
        let candidates = lines.into_iter().flat_map(|line| line.candidates).collect();
        Ok(Expanded { root, candidates })
    }

    /// The objects of one line. With a size, the line is one object and nothing is asked of the
    /// store: whether it is there and as described shows when its footer is read.
    fn listed(&self, line: &ListLine) -> Result<Expanded, StorageError> {
        let Some(size) = line.size else {
            return self.one(&line.location);
        };
        let (address, place) = match location::parse(&line.location)? {
            Location::Local(path) => (keys::of_file(&path)?, Place::File(path)),
            Location::S3 { bucket, prefix } => {
                (keys::of_object(&bucket, &prefix), self.place(&bucket, &prefix)?)
            }
        };
        let root = keys::parent(&address);
        let etag = line.etag.clone();
        let candidates = vec![Candidate::found(address, place, Version { size, etag })];
        Ok(Expanded { root, candidates })
    }
}

impl Candidate {
    fn found(address: Address, place: Place, version: Version) -> Self {
        Self { address, place, version }
    }
}

fn local(path: &Path) -> Result<Expanded, StorageError> {
    let text = path.to_string_lossy();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => folder(path),
        Ok(metadata) => file(path, crate::object::version_of(&metadata)),
        Err(_) if text.contains(['*', '?', '[']) => pattern(&text),
        Err(error) => Err(StorageError::file("open", &text, error)),
    }
}

fn file(path: &Path, version: Version) -> Result<Expanded, StorageError> {
    let address = keys::of_file(path)?;
    let root = keys::parent(&address);
    let place = Place::File(path.to_path_buf());
    let candidates = vec![Candidate::found(address, place, version)];
    Ok(Expanded { root, candidates })
}

fn folder(path: &Path) -> Result<Expanded, StorageError> {
    let root = keys::of_file(path)?;
    let mut candidates = Vec::new();
    for (path, version) in listing::folder(path)? {
        let address = keys::of_file(&path)?;
        candidates.push(Candidate::found(address, Place::File(path), version));
    }
    Ok(Expanded { root, candidates })
}

/// Files that match a pattern, and the shards in folders that match it. A last step without a
/// dot, such as `*`, takes only `*.parquet` files. What is hidden from folders is hidden here as
/// well, unless it is named before the first wildcard.
fn pattern(text: &str) -> Result<Expanded, StorageError> {
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::default()
    };
    let matches =
        glob::glob_with(text, options).map_err(|e| StorageError::location(text, e.to_string()))?;
    let any_ending = Path::new(text).extension().is_some();
    let mut candidates = Vec::new();
    for path in matches {
        let path = path.map_err(|e| {
            let name = e.path().display().to_string();
            StorageError::file("list", &name, e.into())
        })?;
        if path.is_dir() || any_ending || path.extension().is_some_and(|e| e == "parquet") {
            candidates.extend(local(&path)?.candidates);
        }
    }
    let root = keys::of_file(&fixed_part(text))?;
    candidates.retain(|candidate: &Candidate| {
        let below = candidate.address.iter().skip(root.len());
        below.into_iter().all(|step| listing::is_shown(step))
    });
    Ok(Expanded { root, candidates })
}

/// The steps of a pattern before its first wildcard.
fn fixed_part(pattern: &str) -> PathBuf {
    let fixed =
        |step: &std::path::Component| !step.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let path: PathBuf = Path::new(pattern).components().take_while(fixed).collect();
    match path.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => path,
    }
}

/// One line of a list: a location, and what is known of the object.
#[derive(Debug, PartialEq, Eq)]
struct ListLine {
    location: String,
    size: Option<u64>,
    etag: Option<String>,
}

impl ListLine {
    /// Reads a line; `None` if it is empty or a comment. A location with blanks in it cannot be
    /// listed: what follows a blank is size and tag.
    fn parse(list: &str, number: usize, line: &str) -> Result<Option<Self>, StorageError> {
        let mut fields = line.split_whitespace();
        let Some(location) = fields.next().filter(|field| !field.starts_with('#')) else {
            return Ok(None);
        };
        let invalid = |what: &str| {
            StorageError::location(
                list,
                format!("line {number}: expected LOCATION [SIZE [ETAG]], got {what:?}"),
            )
        };
        let size = fields.next().map(|size| size.parse().map_err(|_| invalid(size)));
        let size = size.transpose()?;
        let etag = fields.next().map(str::to_owned);
        if let Some(more) = fields.next() {
            return Err(invalid(more));
        }
        let location = location.to_owned();
        Ok(Some(Self { location, size, etag }))
    }
}
