//! What happens with findings after an audit: which are chosen, how other tools read them, and
//! what is new since the last time.
//!
//! * [`selection`]: which findings are meant.
//! * [`ids`], [`dolma`], [`datatrove`]: removal lists as those tools read them.
//! * [`sarif`], [`triggers`]: findings for code scanners and for tests of a trained model.
//! * [`difference`], [`suppression`]: what is new since another audit, and what needs no alarm.
//! * [`statement`], [`lineage`]: what other systems are told of an audit.
//!
//! Everything is a pure function from findings to bytes. Absent on purpose: reading an audit,
//! reading documents, writing files, the clock. Parquet is written where Parquet is known.

pub mod datatrove;
pub mod difference;
pub mod dolma;
mod error;
pub mod ids;
pub mod lineage;
pub mod sarif;
pub mod selection;
pub mod statement;
pub mod suppression;
pub mod triggers;

pub use error::ExchangeError;
