//! Options that can come from a flag, the environment, the configuration file, or a default, in
//! this order of precedence: what is given at the first two, and what the file says.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use taster_process::{ByteSize, LogFormat, LogLevel, MetricsListen, Span};

macro_rules! layer {
    ($settings:ident: $($field:ident),+) => {
        impl $settings {
            /// What is given here, and from `below` what is not.
            pub(crate) fn over(self, below: Self) -> Self {
                Self { $($field: self.$field.or(below.$field)),+ }
            }
        }
    };
}

/// Everything that can be set, each given or not.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Given {
    /// The coordinator, as http://HOST:PORT or https://HOST:PORT; required
    #[arg(
        long,
        env = "TASTER_COORDINATOR",
        hide_env_values = true,
        value_name = "URL",
        help_heading = "Coordinator"
    )]
    pub coordinator: Option<String>,
    /// File with the token that the coordinator expects; read again for every conversation
    #[arg(
        long,
        env = "TASTER_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Coordinator"
    )]
    pub token_file: Option<PathBuf>,
    /// PEM file with the certificates that may have signed the coordinator's; needed for https
    #[arg(
        long,
        env = "TASTER_TLS_CA",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Coordinator"
    )]
    pub tls_ca: Option<PathBuf>,
    /// PEM file with this worker's certificate, where the coordinator asks for one
    #[arg(
        long,
        env = "TASTER_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Coordinator"
    )]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the key of that certificate
    #[arg(
        long,
        env = "TASTER_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Coordinator"
    )]
    pub tls_key: Option<PathBuf>,
    /// Name that the coordinator's certificate must carry [default: the URL's host]
    #[arg(
        long,
        env = "TASTER_TLS_DOMAIN",
        hide_env_values = true,
        value_name = "NAME",
        help_heading = "Coordinator"
    )]
    pub tls_domain: Option<String>,
    /// How long to try a coordinator that cannot be reached before the exit code is 4 [default:
    /// for ever]
    #[arg(
        long,
        env = "TASTER_GIVE_UP_AFTER",
        hide_env_values = true,
        value_name = "TIME",
        help_heading = "Coordinator"
    )]
    pub give_up_after: Option<Span>,
    /// Tasks at the same time [default: one per core]
    #[arg(
        long,
        env = "TASTER_SLOTS",
        hide_env_values = true,
        value_name = "N",
        help_heading = "Machine"
    )]
    pub slots: Option<usize>,
    /// Memory for all of them together, at least 64MiB [default: 4GiB]
    #[arg(
        long,
        env = "TASTER_MEMORY",
        hide_env_values = true,
        value_name = "SIZE",
        help_heading = "Machine"
    )]
    pub memory: Option<ByteSize>,
    /// Where this machine finds the work store, if not where the coordinator says
    #[arg(
        long,
        env = "TASTER_WORK",
        hide_env_values = true,
        value_name = "FOLDER|URL",
        help_heading = "Machine"
    )]
    pub work: Option<String>,
    /// How long running tasks may go on after SIGTERM or Ctrl-C before they are given back
    /// [default: 20s]
    #[arg(
        long,
        env = "TASTER_DRAIN_DEADLINE",
        hide_env_values = true,
        value_name = "TIME",
        help_heading = "Machine"
    )]
    pub drain_deadline: Option<Span>,
    /// Where /metrics, /healthz and /readyz are served, or off [default: 127.0.0.1:7772]
    #[arg(
        long,
        env = "TASTER_METRICS_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS|off",
        help_heading = "Operations"
    )]
    pub metrics_listen: Option<MetricsListen>,
    /// How the log on standard error is written [default: text]
    #[arg(
        long,
        env = "TASTER_LOG",
        hide_env_values = true,
        value_name = "FORMAT",
        help_heading = "Operations"
    )]
    pub log: Option<LogFormat>,
    /// What is logged [default: info]
    #[arg(
        long,
        env = "TASTER_LOG_LEVEL",
        hide_env_values = true,
        value_name = "LEVEL",
        help_heading = "Operations"
    )]
    pub log_level: Option<LogLevel>,
}

layer!(Given: coordinator, token_file, tls_ca, tls_cert, tls_key, tls_domain, give_up_after, slots,
    memory, work, drain_deadline, metrics_listen, log, log_level);
