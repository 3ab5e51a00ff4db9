//! Inputs and outputs of an audit: the only crate that knows object stores and Parquet.
//!
//! * [`Store`]: a work or output location; create-only commits.
//! * [`freeze`]: inputs to a [`Manifest`](taster_planning::Manifest) and its [`Sources`].
//! * [`Sources::documents`], [`Sources::rows`]: documents of a shard, decoded within limits.
//! * [`Store::probe`]: what a store can do, tried out.
//! * [`traffic`]: requests and bytes of this process so far, for metrics.
//! * [`write_table`], [`write_batches`], [`TableWriter`]: Parquet files as output; [`TableReader`] reads them back.
//!
//! Every call blocks: task bodies run on plain threads. What is asynchronous stays inside, on
//! the runtime that the caller hands in. Absent on purpose: what documents mean, and which of
//! them are read.

mod ahead;
mod batch;
mod chunks;
mod columns;
mod commit;
mod contained;
mod delta;
mod documents;
mod error;
#[cfg(test)]
mod fixtures;
mod footer;
mod freeze;
mod inputs;
mod keys;
mod layout;
mod listing;
mod location;
mod object;
mod overlay;
mod page_header;
mod pages;
mod probe;
mod sources;
mod store;
mod table;
mod table_reader;
mod traffic;
mod values;

pub use batch::DocumentBatch;
pub use documents::{DocumentStream, Want};
pub use error::{ReadError, StorageError};
pub use freeze::{Frozen, freeze};
pub use overlay::Overlay;
pub use probe::{ObjectProbe, StoreProbe};
pub use sources::Sources;
pub use store::{Piece, Store};
pub use table::{TableWriter, write_batches, write_table};
pub use table_reader::TableReader;
pub use traffic::{Traffic, documents_decoded, traffic};
