//! The configuration file, and what is given turned into settings.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use taster_planning::schedule::ScheduleSettings;
use taster_process::{LogFormat, LogLevel, MetricsListen};

use crate::allow::AllowList;
use crate::arguments::CommandLine;
use crate::error::CoordinatorError;
use crate::settings::Given;
use crate::tokens::Tokens;

/// Ports if nothing else is said.
const DEFAULT_PORT: u16 = 7770;
const DEFAULT_METRICS_PORT: u16 = 7771;
/// Time for connections to close if nothing else is said.
const DEFAULT_DRAIN_DEADLINE: Duration = Duration::from_secs(10);
const DEFAULT_UNIT_BYTES: u64 = 32 << 20;
/// What a worker with the default budget has memory for.
const DEFAULT_SEGMENT_TOKENS: u64 = 1 << 20;
/// A shorter lease lapses while a healthy worker's beat is on its way.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);
const LONGEST_LEASE: Duration = Duration::from_secs(3600);

/// What a coordinator is told once, when it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder or URL of the work store, as workers are told.
    pub work: String,
    /// Where submitted inputs and outputs may lie.
    pub allow: AllowList,
    /// Where gRPC is served.
    pub listen: SocketAddr,
    /// Where the page of metrics is served; `None` is nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// Who may ask for something.
    pub security: Security,
    /// Patience with workers and tasks.
    pub schedule: ScheduleSettings,
    /// Largest unit in uncompressed text bytes.
    pub unit_bytes: u64,
    /// Tokens after which a segment is counted.
    pub segment_tokens: u64,
    /// Time for connections to close after the wish to end.
    pub drain_deadline: Duration,
    /// How the log is written.
    pub log: LogFormat,
    /// What is logged.
    pub log_level: LogLevel,
}

/// Who may ask for something, and how.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// What clients and workers show; `None` asks for nothing.
    pub tokens: Option<Tokens>,
    /// Set if connections are encrypted.
    pub tls: Option<TlsFiles>,
    /// Whether a listener beyond loopback may go without both.
    pub insecure: bool,
}

/// Files of a TLS server, PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The coordinator's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Certificates that must have signed a client's; `None` asks for none.
    pub client_ca: Option<PathBuf>,
}

impl Security {
    /// Refuses an address that others can reach while nobody has to show who they are.
    ///
    /// # Errors
    /// [`CoordinatorError::Usage`].
    pub fn check(&self, listen: SocketAddr) -> Result<(), CoordinatorError> {
        let asks_for_certificate = self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let open = self.tokens.is_none() && !asks_for_certificate;
        if !open || self.insecure || listen.ip().is_loopback() {
            return Ok(());
        }
        Err(CoordinatorError::Usage(format!(
            "listen: expected a loopback address, or --token-file, or --tls-client-ca, or \
             --insecure, got {listen} without any: everybody who reaches it could submit audits"
        )))
    }
}

/// The settings that a command line, its environment and its configuration file amount to.
///
/// # Errors
/// A file that cannot be read or says what is not understood, and settings that cannot be used.
pub fn settings(command_line: CommandLine) -> Result<Settings, CoordinatorError> {
    let below = match &command_line.config {
        None => Given::default(),
        Some(path) => read_file(path)?,
    };
    resolve(command_line.given.over(below))
}

fn read_file(path: &Path) -> Result<Given, CoordinatorError> {
    let text = text(path)?;
    toml::from_str(&text).map_err(|e| file_error(path, &e))
}

/// A file that the settings name.
pub(crate) fn text(path: &Path) -> Result<String, CoordinatorError> {
    std::fs::read_to_string(path).map_err(|e| file_error(path, &e))
}

fn file_error(path: &Path, detail: &dyn std::fmt::Display) -> CoordinatorError {
    let detail = detail.to_string().trim_end().to_owned();
    CoordinatorError::File { path: path.to_owned(), detail }
}

fn resolve(given: Given) -> Result<Settings, CoordinatorError> {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let work = work(&given)?;
    let page = given.metrics_listen.unwrap_or(MetricsListen::At(at(DEFAULT_METRICS_PORT)));
    let settings = Settings {
        allow: AllowList::new(&work, given.allow.as_deref())?,
        listen: given.listen.unwrap_or_else(|| at(DEFAULT_PORT)),
        metrics_listen: page.address(),
        security: security(&given)?,
        schedule: schedule(&given)?,
        unit_bytes: given.unit_bytes.map_or(DEFAULT_UNIT_BYTES, |size| size.0),
        segment_tokens: given.segment_tokens.unwrap_or(DEFAULT_SEGMENT_TOKENS),
        drain_deadline: given.drain_deadline.map_or(DEFAULT_DRAIN_DEADLINE, |span| span.0),
        log: given.log.unwrap_or_default(),
        log_level: given.log_level.unwrap_or_default(),
        work,
    };
    settings.security.check(settings.listen)?;
    within("unit-bytes", settings.unit_bytes, 1 << 10, 1 << 40)?;
    within("segment-tokens", settings.segment_tokens, 1 << 10, 1 << 20)?;
    Ok(settings)
}

/// A folder is made absolute: workers on this machine have other current folders.
fn work(given: &Given) -> Result<String, CoordinatorError> {
    let hint = "work: expected --work URL, TASTER_WORK or work in the configuration file, got \
         nothing";
    let work = given.work.as_deref().filter(|work| !work.is_empty());
    let work = work.ok_or_else(|| CoordinatorError::Usage(hint.into()))?;
    if work.contains("://") {
        return Ok(work.to_owned());
    }
    let absolute = std::path::absolute(work).map_err(|e| file_error(Path::new(work), &e))?;
    Ok(absolute.display().to_string())
}

fn security(given: &Given) -> Result<Security, CoordinatorError> {
    let tokens = match &given.token_file {
        None => None,
        Some(path) => Some(Tokens::parse(path, &text(path)?)?),
    };
    Ok(Security { tokens, tls: tls(given)?, insecure: given.insecure.unwrap_or(false) })
}

fn tls(given: &Given) -> Result<Option<TlsFiles>, CoordinatorError> {
    let client_ca = given.tls_client_ca.clone();
    match (given.tls_cert.clone(), given.tls_key.clone()) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key, client_ca })),
        (None, None) if client_ca.is_none() => Ok(None),
        _ => {
            let error = "tls-cert and tls-key: expected both (tls-client-ca needs them) or none";
            Err(CoordinatorError::Usage(error.into()))
        }
    }
}

fn schedule(given: &Given) -> Result<ScheduleSettings, CoordinatorError> {
    let default = ScheduleSettings::default();
    let schedule = ScheduleSettings {
        lease: given.lease.map_or(default.lease, |span| span.0),
        worker_grace: given.worker_grace.map_or(default.worker_grace, |span| span.0),
        max_failures: given.max_failures.unwrap_or(default.max_failures),
        max_losses: given.max_losses.unwrap_or(default.max_losses),
        ..default
    };
    if !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&schedule.lease) {
        let got = schedule.lease;
        return Err(CoordinatorError::Usage(format!("lease: expected 100ms to 1h, got {got:?}")));
    }
    within("max-failures", schedule.max_failures.into(), 1, 1000)?;
    within("max-losses", schedule.max_losses.into(), 1, 1000)?;
    Ok(schedule)
}

fn within(option: &str, got: u64, least: u64, most: u64) -> Result<(), CoordinatorError> {
    if (least..=most).contains(&got) {
        return Ok(());
    }
    Err(CoordinatorError::Usage(format!("{option}: expected {least} to {most}, got {got}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EVERYTHING: &str = r#"
        work = "s3://b/w"
        allow = ["s3://c/x", "s3://d"]
        unit-bytes = "1MiB"
        segment-tokens = 65536
        lease = "5s"
        worker-grace = "1m"
        max-failures = 2
        max-losses = 1
        listen = "127.0.0.1:1"
        tls-cert = "cert"
        tls-key = "key"
        tls-client-ca = "ca"
        token-file = "TOKENS"
        insecure = true
        drain-deadline = 3
        metrics-listen = "off"
        log = "json"
        log-level = "debug"
    "#;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn with(line: &str, text: &str) -> Result<Settings, CoordinatorError> {
        let file = file(text);
        let config = ["taster-coordinator", "--config", file.path().to_str().unwrap()];
        let line = config.into_iter().chain(line.split_whitespace());
        settings(CommandLine::read(line.map(Into::into))?)
    }

    #[test]
    fn every_setting_can_stand_in_the_file() {
        let table: toml::Table = toml::from_str(EVERYTHING).unwrap();
        let options = crate::command();
        let options = options.get_arguments().filter_map(clap::Arg::get_long);
        let mut options: Vec<_> =
            options.filter(|o| !["config", "help", "version"].contains(o)).collect();
        options.sort_unstable();
        assert_eq!(table.keys().collect::<Vec<_>>(), options);
        let tokens = file("hunter2\n");
        let text = EVERYTHING.replace("TOKENS", tokens.path().to_str().unwrap());
        let settings = with("", &text).unwrap();
        assert_eq!(settings.work, "s3://b/w");
        assert!(settings.allow.input("s3://d/any.parquet").is_ok());
        assert!(settings.allow.input("s3://b/any.parquet").is_err());
        assert_eq!((settings.unit_bytes, settings.segment_tokens), (1 << 20, 65_536));
        let ScheduleSettings { lease, worker_grace, max_failures, max_losses, .. } =
            settings.schedule;
        assert_eq!((lease.as_secs(), worker_grace.as_secs()), (5, 60));
        assert_eq!((max_failures, max_losses), (2, 1));
        assert_eq!(settings.listen, "127.0.0.1:1".parse().unwrap());
        let tls = settings.security.tls.unwrap();
        assert_eq!((tls.certificate, tls.key), ("cert".into(), "key".into()));
        assert_eq!(tls.client_ca, Some("ca".into()));
        assert!(settings.security.tokens.is_some() && settings.security.insecure);
        assert_eq!(settings.drain_deadline, Duration::from_secs(3));
        assert_eq!(settings.metrics_listen, None);
        assert_eq!((settings.log, settings.log_level), (LogFormat::Json, LogLevel::Debug));
    }

    #[test]
    fn what_is_given_beats_the_file_which_beats_the_default() {
        let settings = with("--work s3://a/w --lease 7s", "work = \"s3://b\"\nmax-losses = 9");
        let settings = settings.unwrap();
        assert_eq!((settings.work.as_str(), settings.schedule.lease.as_secs()), ("s3://a/w", 7));
        assert_eq!((settings.schedule.max_losses, settings.schedule.max_failures), (9, 4));
        assert_eq!(settings.listen, "127.0.0.1:7770".parse().unwrap());
        assert_eq!(settings.metrics_listen, Some("127.0.0.1:7771".parse().unwrap()));
        assert_eq!((settings.unit_bytes, settings.segment_tokens), (32 << 20, 1 << 20));
        assert!(settings.security.tokens.is_none() && !settings.security.insecure);
        let folder = with("--work w", "").unwrap().work;
        assert!(Path::new(&folder).is_absolute(), "{folder}");
    }

    #[test]
    fn mistakes_are_named() {
        for (line, text, word) in [
            ("", "", "--work"),
            ("", "works = \"s3://a\"", "works"),
            ("--work s3://a --lease 1ms", "", "100ms to 1h"),
            ("--work s3://a --max-losses 0", "", "1 to 1000, got 0"),
            ("--work s3://a --segment-tokens 5000000", "", "1024 to 1048576"),
            ("--work s3://a --tls-cert x", "", "both"),
            ("--work s3://a --tls-client-ca x", "", "both"),
            ("--work s3://a --token-file no/such/file", "", "no/such/file"),
            ("--work s3://a --allow ftp://x", "", "ftp"),
        ] {
            let error = with(line, text).unwrap_err();
            assert_eq!(error.ending().code(), 2, "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn row_43_nothing_but_loopback_without_authentication() {
        for address in ["0.0.0.0:1", "[::]:1", "10.1.2.3:1", "192.168.0.1:1", "[fe80::1]:1"] {
            let line = format!("--work s3://a --listen {address}");
            let error = with(&line, "").unwrap_err();
            assert_eq!(error.ending().code(), 2);
            assert!(error.to_string().contains("--insecure"), "{error}");
            assert!(with(&format!("{line} --tls-cert c --tls-key k"), "").is_err(), "TLS alone");
            assert!(with(&format!("{line} --insecure"), "").is_ok());
            assert!(
                with(&format!("{line} --tls-cert c --tls-key k --tls-client-ca a"), "").is_ok()
            );
            let tokens = file("hunter2");
            let path = tokens.path().display();
            assert!(with(&format!("{line} --token-file {path}"), "").is_ok());
        }
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1"] {
            assert!(with(&format!("--work s3://a --listen {address}"), "").is_ok());
        }
    }

    #[test]
    fn row_47_tokens_are_not_shown() {
        let tokens = file("hunter2\n");
        let line = format!("--work s3://a --token-file {}", tokens.path().display());
        let shown = format!("{:?}", with(&line, "").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
