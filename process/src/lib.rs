//! What every process of Taster has: sizes and spans of time as people write them, how it is told
//! to end and with which exit code, its log, and the page that shows its state.
//!
//! Absent on purpose: anything that knows what the process is for.

mod byte_size;
mod ending;
mod listen;
mod log;
mod shutdown;
mod span;
mod status_page;

pub use byte_size::ByteSize;
pub use ending::Ending;
pub use listen::MetricsListen;
pub use log::{LogFormat, LogLevel, begin_log};
pub use shutdown::{Shutdown, Trigger, shutdown, watch_signals};
pub use span::Span;
pub use status_page::{Status, StatusPage};
