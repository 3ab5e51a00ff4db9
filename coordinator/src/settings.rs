//! Options that can come from a flag, the environment, the configuration file, or a default, in
//! this order of precedence: what is given at the first two, and what the file says.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
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
    /// Folder or URL of the work store, which the workers share; required
    #[arg(
        long,
        env = "TASTER_WORK",
        hide_env_values = true,
        value_name = "FOLDER|URL",
        help_heading = "Audits"
    )]
    pub work: Option<String>,
    /// Folder or URL below which submitted inputs and outputs may lie; can be given several times,
    /// or with commas [default: the bucket of --work; nothing, if that is a folder]
    #[arg(
        long,
        env = "TASTER_ALLOW",
        hide_env_values = true,
        value_name = "PREFIX",
        value_delimiter = ',',
        help_heading = "Audits"
    )]
    pub allow: Option<Vec<String>>,
    /// Largest piece of text that is one task of count or context [default: 32MiB]
    #[arg(
        long,
        env = "TASTER_UNIT_BYTES",
        hide_env_values = true,
        value_name = "SIZE",
        help_heading = "Audits"
    )]
    pub unit_bytes: Option<ByteSize>,
    /// Tokens that are counted together; the same number everywhere lets runs be reused [default:
    /// 1048576]
    #[arg(
        long,
        env = "TASTER_SEGMENT_TOKENS",
        hide_env_values = true,
        value_name = "TOKENS",
        help_heading = "Audits"
    )]
    pub segment_tokens: Option<u64>,
    /// Silence after which a worker's tasks are given to others [default: 30s]
    #[arg(
        long,
        env = "TASTER_LEASE",
        hide_env_values = true,
        value_name = "TIME",
        help_heading = "Workers"
    )]
    pub lease: Option<Span>,
    /// How long audits wait without any worker before they fail [default: 10m]
    #[arg(
        long,
        env = "TASTER_WORKER_GRACE",
        hide_env_values = true,
        value_name = "TIME",
        help_heading = "Workers"
    )]
    pub worker_grace: Option<Span>,
    /// Failures of one task after which its audit fails [default: 4]
    #[arg(
        long,
        env = "TASTER_MAX_FAILURES",
        hide_env_values = true,
        value_name = "N",
        help_heading = "Workers"
    )]
    pub max_failures: Option<u32>,
    /// Workers lost over one unit after which its shard is left out; thrice as many lost over one
    /// merge, of which nothing can be left out, fail the audit [default: 3]
    #[arg(
        long,
        env = "TASTER_MAX_LOSSES",
        hide_env_values = true,
        value_name = "N",
        help_heading = "Workers"
    )]
    pub max_losses: Option<u32>,
    /// Where gRPC is served [default: 127.0.0.1:7770]
    #[arg(
        long,
        env = "TASTER_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS",
        help_heading = "Network"
    )]
    pub listen: Option<SocketAddr>,
    /// PEM file with this coordinator's certificate
    #[arg(
        long,
        env = "TASTER_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Network"
    )]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the key of that certificate
    #[arg(
        long,
        env = "TASTER_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Network"
    )]
    pub tls_key: Option<PathBuf>,
    /// PEM file with the certificates that must have signed a client's or worker's
    #[arg(
        long,
        env = "TASTER_TLS_CLIENT_CA",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Network"
    )]
    pub tls_client_ca: Option<PathBuf>,
    /// File with the bearer tokens that are accepted, one a line
    #[arg(
        long,
        env = "TASTER_TOKEN_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Network"
    )]
    pub token_file: Option<PathBuf>,
    /// Listen beyond loopback although neither a token nor a client certificate is asked for
    #[arg(long, env = "TASTER_INSECURE", hide_env_values = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), help_heading = "Network")]
    pub insecure: Option<bool>,
    /// How long connections may take to close after SIGTERM or Ctrl-C [default: 10s]
    #[arg(
        long,
        env = "TASTER_DRAIN_DEADLINE",
        hide_env_values = true,
        value_name = "TIME",
        help_heading = "Operations"
    )]
    pub drain_deadline: Option<Span>,
    /// Where /metrics, /healthz and /readyz are served, or off [default: 127.0.0.1:7771]
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

layer!(Given: work, allow, unit_bytes, segment_tokens, lease, worker_grace, max_failures, max_losses, listen, tls_cert, tls_key, tls_client_ca, token_file, insecure, drain_deadline, metrics_listen, log, log_level);
