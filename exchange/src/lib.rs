//! What happens with findings after an audit: which are chosen, how other tools read them, and
//! what is new since the last time.
//!
//! * [`selection`]: which findings are meant.
//! * [`ids`], [`dolma`], [`datatrove`]: removal lists as those tools read them.
//! * [`sarif`], [`triggers`]: findings for code scanners and for tests of a trained model.
//!
//! Everything is a pure function from findings to bytes. Absent on purpose: reading an audit,
//! reading documents, writing files, the clock. Parquet is written where Parquet is known.

pub mod datatrove;
pub mod dolma;
mod error;
pub mod ids;
pub mod sarif;
pub mod selection;
pub mod triggers;

pub use error::ExchangeError;
