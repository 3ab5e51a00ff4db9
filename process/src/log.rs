//! The log: on standard error, ids and numbers only. What may come from a corpus or a store is
//! escaped by the formats.

use std::io::IsTerminal;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For reading
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// What is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What ends the process
    Error,
    /// And what it survives
    Warn,
    /// And conversations
    #[default]
    Info,
    /// And every task
    Debug,
}

/// Begins to log what `package` says, and the warnings of others. Once per process.
///
/// # Errors
/// Somebody else logs already.
pub fn begin_log(package: &str, format: LogFormat, level: LogLevel) -> std::io::Result<()> {
    // Libraries below have much to say that only their authors understand.
    let filter = EnvFilter::new(format!("warn,{package}={}", name(level)));
    let base = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let begun = match format {
        LogFormat::Json => base.json().flatten_event(true).try_init(),
        LogFormat::Text => base.with_ansi(colour()).try_init(),
    };
    begun.map_err(std::io::Error::other)
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
