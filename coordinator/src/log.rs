//! The log: on standard error, ids and numbers only. What may come from a corpus or a store is
//! escaped by the formats.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::error::CoordinatorError;
use crate::settings::{LogFormat, LogLevel};

/// Begins to log. Once per process.
///
/// # Errors
/// Somebody else logs already.
pub fn begin(format: LogFormat, level: LogLevel) -> Result<(), CoordinatorError> {
    // Libraries below have much to say that only their authors understand.
    let filter = EnvFilter::new(format!("warn,taster_coordinator={}", name(level)));
    let base = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let begun = match format {
        LogFormat::Json => base.json().flatten_event(true).try_init(),
        LogFormat::Text => base.with_ansi(colour()).try_init(),
    };
    begun.map_err(|error| CoordinatorError::Internal(format!("cannot begin to log: {error}")))
}

fn name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
