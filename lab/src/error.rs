//! What can go wrong in the laboratory.

use std::path::PathBuf;

use taster_storage::{ReadError, StorageError};

/// A failure to draw, plant or enlarge a corpus. Each names the object it is about.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A recipe's dose does not fit in the corpus as it is spread.
    #[error("recipe {recipe}: {wanted} documents wanted, {found} are free for spread {spread}")]
    TooFewDocuments {
        /// The recipe whose dose does not fit.
        recipe: &'static str,
        /// The spread it was to have.
        spread: &'static str,
        /// Documents wanted.
        wanted: u64,
        /// Documents that the spread still offers.
        found: u64,
    },
    /// The same recipe stands twice in a plan: its ground truth could not be told apart.
    #[error("recipe {0}: planned twice, expected once")]
    RecipeTwice(&'static str),
    /// A name that is no recipe's.
    #[error("unknown recipe {got:?}, expected one of {expected}")]
    UnknownRecipe {
        /// The name given.
        got: String,
        /// The names known, joined by commas.
        expected: String,
    },
    /// A name that is no spread's.
    #[error("unknown spread {got:?}, expected one of {expected}")]
    UnknownSpread {
        /// The name given.
        got: String,
        /// The names known, joined by commas.
        expected: String,
    },
    /// A file of a bed could not be linked or removed.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A column that the work needs is absent or holds no strings.
    #[error("shard {shard}: expected a string column {expected}, got columns {got}")]
    Column {
        /// The shard read.
        shard: String,
        /// The names accepted.
        expected: String,
        /// The columns that the shard has.
        got: String,
    },
    /// The corpus has no word from which a gibberish payload could be drawn.
    #[error("corpus without words: a vocabulary needs at least one")]
    NoVocabulary,
    /// The corpus has no text at all, so nothing can be made from it.
    #[error("corpus {0}: expected text, got none")]
    NoText(String),
    /// A corpus changed between the first and the second pass.
    #[error("shard {shard}: expected {expected} rows as in the first pass, got {got}")]
    Changed {
        /// The shard read.
        shard: String,
        /// Rows in the first pass.
        expected: u64,
        /// Rows in the second pass.
        got: u64,
    },
    /// A record batch could not be rebuilt.
    #[error("record batch of shard {shard}: {source}")]
    Batch {
        /// The shard it belongs to.
        shard: String,
        /// Arrow's reason.
        source: arrow::error::ArrowError,
    },
    /// A shard could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Trouble with the store of a corpus.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// The output folder holds shards already, which would be audited with what is written.
    #[error("output folder {folder}: expected no shards, found {found}")]
    Occupied {
        /// The folder.
        folder: PathBuf,
        /// The first shard in it.
        found: String,
    },
    /// The output folder's path is no UTF-8.
    #[error("output folder {0}: expected a path in UTF-8")]
    Path(PathBuf),
    /// The ground truth could not be written as JSON.
    #[error("write truth.json: {0}")]
    Truth(#[from] serde_json::Error),
}
