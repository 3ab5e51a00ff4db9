//! What can go wrong, in three kinds: trouble with the store, an input that cannot be used, and
//! bad data, which is a [`Quarantine`] and thereby a result.

use std::io;

use object_store as os;
use taster_planning::{Quarantine, QuarantineReason};
use thiserror::Error;

/// Trouble with a store or a location. Nothing here says that a shard is bad.
#[derive(Debug, Error)]
pub enum StorageError {
    /// A location that cannot be used as it is written.
    #[error("cannot use location {location:?}: {reason}")]
    Location {
        /// The location as given.
        location: String,
        /// What was expected.
        reason: String,
    },
    /// The store refused the credentials, or none were found.
    #[error("no access to {key}: {reason}")]
    Credentials {
        /// The object or location.
        key: String,
        /// What was tried and what the store answered.
        reason: String,
    },
    /// An object or folder that should be there is not.
    #[error("not found: {key}")]
    NotFound {
        /// The object or location.
        key: String,
    },
    /// An object exists already with other bytes than those to be committed.
    #[error(
        "{key} is damaged or of another version: expected BLAKE3 {expected}, got {found}; deleting it makes it again"
    )]
    Conflict {
        /// The object.
        key: String,
        /// BLAKE3 of the bytes to be committed, as hexadecimal digits.
        expected: String,
        /// BLAKE3 of the bytes found, as hexadecimal digits.
        found: String,
    },
    /// An input or a column that names nothing which could be audited.
    #[error("{0}")]
    Input(String),
    /// Any other trouble.
    #[error("cannot {action} {key}: {source}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The object.
        key: String,
        /// What the store or the operating system answered.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a code in an S3 answer means for the user.
enum Meaning {
    NoAccess(&'static str),
    NoPlace(&'static str),
}

const S3_CODES: [(&str, Meaning); 10] = [
    ("NoSuchBucket", Meaning::NoPlace("the bucket does not exist")),
    ("AccessDenied", Meaning::NoAccess("access is denied")),
    ("InvalidAccessKeyId", Meaning::NoAccess("the access key is not known")),
    ("SignatureDoesNotMatch", Meaning::NoAccess("the secret key does not match")),
    ("ExpiredToken", Meaning::NoAccess("the session token has expired")),
    ("RequestTimeTooSkewed", Meaning::NoAccess(SKEWED)),
    // object_store asks the instance metadata service last, so these are what is seen when no
    // credentials are configured at all.
    ("169.254.169.254", Meaning::NoAccess(NO_CREDENTIALS)),
    ("169.254.170.2", Meaning::NoAccess(NO_CREDENTIALS)),
    ("/latest/api/token", Meaning::NoAccess(NO_CREDENTIALS)),
    ("/latest/meta-data", Meaning::NoAccess(NO_CREDENTIALS)),
];

/// What the first known code in an answer means.
fn meaning(answer: &str) -> Option<&'static Meaning> {
    S3_CODES.iter().find(|(code, _)| answer.contains(code)).map(|(_, meaning)| meaning)
}

const SKEWED: &str = "this machine's clock and the store's differ by too much (RequestTimeTooSkewed): \
     set the clock; S3 allows 15 minutes";

const NO_CREDENTIALS: &str = "no credentials found in AWS_ACCESS_KEY_ID, \
     AWS_WEB_IDENTITY_TOKEN_FILE, container or instance metadata";

impl StorageError {
    /// Classifies an answer of an object store about `key`.
    pub(crate) fn store(action: &'static str, key: &str, error: os::Error) -> Self {
        let key = key.to_owned();
        match error {
            os::Error::NotFound { .. } => Self::NotFound { key },
            os::Error::PermissionDenied { source, .. }
            | os::Error::Unauthenticated { source, .. } => Self::refused(key, &source.to_string()),
            other => Self::other(action, key, other),
        }
    }

    /// Refused access: what S3 calls it, if it is known, else all that the store said.
    fn refused(key: String, answer: &str) -> Self {
        let reason = match meaning(answer) {
            Some(Meaning::NoAccess(reason)) => (*reason).to_owned(),
            _ => answer.to_owned(),
        };
        Self::Credentials { key, reason }
    }

    /// Trouble that an object store does not class: what S3 calls it is in the text alone.
    fn other(action: &'static str, key: String, error: os::Error) -> Self {
        match meaning(&error.to_string()) {
            Some(Meaning::NoAccess(reason)) => {
                Self::Credentials { key, reason: (*reason).to_owned() }
            }
            Some(Meaning::NoPlace(reason)) => Self::location(&key, *reason),
            None => Self::Io { action, key, source: Box::new(error) },
        }
    }

    /// Classifies an answer of the operating system about `key`.
    pub(crate) fn file(action: &'static str, key: &str, error: io::Error) -> Self {
        let key = key.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound { key },
            _ => Self::Io { action, key, source: Box::new(error) },
        }
    }

    pub(crate) fn location(location: &str, reason: impl Into<String>) -> Self {
        Self::Location { location: location.to_owned(), reason: reason.into() }
    }
}

/// Why documents of a shard could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The shard is bad: a result, which goes into the report. Trying again does not help.
    #[error("{}: {}", .0.shard, .0.detail)]
    Shard(Quarantine),
    /// The store has trouble: the task may be tried again.
    #[error(transparent)]
    Store(#[from] StorageError),
}

impl ReadError {
    pub(crate) fn shard(key: &str, reason: QuarantineReason, detail: impl Into<String>) -> Self {
        Self::Shard(Quarantine { shard: key.to_owned(), reason, detail: detail.into() })
    }

    pub(crate) fn changed(key: &str) -> Self {
        let detail = "expected the object that was planned, found another version or none";
        Self::shard(key, QuarantineReason::Changed, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        let error = os::Error::PermissionDenied { path: "k".to_owned(), source: body.into() };
        StorageError::store("read", "s3://b/k", error).to_string()
    }

    #[test]
    fn row_06_a_refusal_says_what_s3_calls_it() {
        let skewed = refused("Server returned 403: <Code>RequestTimeTooSkewed</Code>");
        assert!(skewed.starts_with("no access to s3://b/k: this machine's clock"), "{skewed}");
        let denied = refused("<Code>AccessDenied</Code>");
        assert_eq!(denied, "no access to s3://b/k: access is denied");
        assert_eq!(refused("403, no body"), "no access to s3://b/k: 403, no body");
    }
}
