//! Keys of shards: the same corpus has the same keys wherever it is.
//!
//! Every object has an *address*: the scheme and the steps to it, as in `[s3, bucket, a, b.parquet]`
//! or `[file, home, me, b.parquet]`. Every input has a *root*, which is an address too: a folder
//! or prefix is its own root, a file's or object's root is the folder it is in, a pattern's root
//! are the steps before its first wildcard, and a list's root is what the roots of its lines have
//! in common. The root of an audit is what the roots of all its inputs have in common; a shard's
//! key is what its address has beyond that, joined by `/`.

use std::path::{Component, Path};

use crate::StorageError;

/// The scheme and the steps to an object or folder.
pub(crate) type Address = Vec<String>;

/// The address of a local path, made absolute. `.` and `..` are resolved as written, without
/// following links, so that a link keeps its own name.
pub(crate) fn of_file(path: &Path) -> Result<Address, StorageError> {
    let name = path.display().to_string();
    let absolute = std::path::absolute(path).map_err(|e| StorageError::file("open", &name, e))?;
    let mut steps = vec!["file".to_owned()];
    for component in absolute.components() {
        match component {
            Component::Normal(step) => {
                let step = step
                    .to_str()
                    .ok_or_else(|| StorageError::location(&name, "expected a name in UTF-8"))?;
                steps.push(step.to_owned());
            }
            Component::ParentDir if steps.len() > 1 => _ = steps.pop(),
            _ => {}
        }
    }
    Ok(steps)
}

/// The address of an S3 key or prefix.
pub(crate) fn of_object(bucket: &str, key: &str) -> Address {
    let steps = key.split('/').filter(|step| !step.is_empty());
    let head = ["s3", bucket].into_iter();
    head.chain(steps).map(str::to_owned).collect()
}

/// The folder that an object is in.
pub(crate) fn parent(address: &Address) -> Address {
    let steps = address.len().saturating_sub(1);
    address.iter().take(steps).cloned().collect()
}

/// The longest address that all `roots` start with; empty if there is none.
pub(crate) fn common<'a>(roots: impl IntoIterator<Item = &'a Address>) -> Address {
    let mut roots = roots.into_iter();
    let first = roots.next().cloned().unwrap_or_default();
    roots.fold(first, |shared, root| {
        let same = shared.iter().zip(root).take_while(|(a, b)| a == b).count();
        shared.into_iter().take(same).collect()
    })
}

/// The key of the object at `address` in an audit rooted at `root`.
pub(crate) fn key(address: &Address, root: &Address) -> String {
    address.get(root.len()..).unwrap_or_default().join("/")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(path: &str) -> Address {
        of_file(Path::new(path)).unwrap()
    }

    #[test]
    fn keys_do_not_depend_on_the_scheme() {
        let disk = key(&file("/data/c/x/a.parquet"), &file("/data/c"));
        let s3 = key(&of_object("b", "c/x/a.parquet"), &of_object("b", "c"));
        assert_eq!((disk.as_str(), s3.as_str()), ("x/a.parquet", "x/a.parquet"));
    }

    #[test]
    fn several_roots_share_their_longest_common_folder() {
        let cases: [(&[Address], Address); 4] = [
            (&[file("/d/a")], file("/d/a")),
            (&[file("/d/a"), file("/d/b/c")], file("/d")),
            (&[file("/d/ab"), file("/d/a")], file("/d")),
            (&[file("/d"), of_object("d", "x")], vec![]),
        ];
        for (roots, expected) in cases {
            assert_eq!(common(roots), expected, "{roots:?}");
        }
    }

    #[test]
    fn addresses_are_resolved_as_written() {
        assert_eq!(file("/a/./b/../c"), file("/a/c"));
        assert_eq!(of_object("b", "/x//y/"), of_object("b", "x/y"));
        assert_eq!(parent(&file("/a/c.parquet")), file("/a"));
        assert!(of_file(Path::new("rel.parquet")).unwrap().len() > 2);
    }
}
