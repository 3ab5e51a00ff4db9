//! The configuration file, and what is given turned into settings.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use taster_process::{LogFormat, LogLevel, MetricsListen};
use taster_proto::{Dial, TlsFiles};
use taster_tasks::Resources;
use tonic::codegen::http::Uri;

use crate::arguments::CommandLine;
use crate::error::WorkerError;
use crate::settings::Given;

/// Memory for all tasks together if nothing else is said.
const DEFAULT_MEMORY_BYTES: u64 = 4 << 30;
/// More slots than any machine has cores: a typing error.
const MAX_SLOTS: usize = 4096;
/// Time for running tasks if nothing else is said.
const DEFAULT_DRAIN_DEADLINE: Duration = Duration::from_secs(20);
/// Port of the page of metrics.
const DEFAULT_METRICS_PORT: u16 = 7772;

/// What a worker is told once, when it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the coordinator is.
    pub coordinator: Dial,
    /// How long it is tried to reach it; `None` is for ever.
    pub give_up_after: Option<Duration>,
    /// What all slots together may use; as many threads as slots.
    pub resources: Resources,
    /// The work store, instead of what the coordinator says.
    pub work: Option<String>,
    /// Time of running tasks after the wish to end.
    pub drain_deadline: Duration,
    /// Where the page of metrics is served; `None` is nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// How the log is written.
    pub log: LogFormat,
    /// What is logged.
    pub log_level: LogLevel,
}

/// The settings that a command line, its environment and its configuration file amount to.
///
/// # Errors
/// A file that cannot be read or says what is not understood, and settings that cannot be used.
pub fn settings(command_line: CommandLine) -> Result<Settings, WorkerError> {
    let below = match &command_line.config {
        None => Given::default(),
        Some(path) => read_file(path)?,
    };
    resolve(command_line.given.over(below))
}

fn read_file(path: &Path) -> Result<Given, WorkerError> {
    let error = |detail: &dyn std::fmt::Display| {
        let detail = detail.to_string().trim_end().to_owned();
        WorkerError::Configuration { path: path.to_owned(), detail }
    };
    let text = std::fs::read_to_string(path).map_err(|e| error(&e))?;
    toml::from_str(&text).map_err(|e| error(&e))
}

fn resolve(given: Given) -> Result<Settings, WorkerError> {
    let default_page = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_METRICS_PORT));
    let page = given.metrics_listen.unwrap_or(MetricsListen::At(default_page));
    Ok(Settings {
        coordinator: coordinator(&given)?,
        give_up_after: given.give_up_after.map(|span| span.0),
        resources: resources(&given)?,
        work: given.work,
        drain_deadline: given.drain_deadline.map_or(DEFAULT_DRAIN_DEADLINE, |span| span.0),
        metrics_listen: page.address(),
        log: given.log.unwrap_or_default(),
        log_level: given.log_level.unwrap_or_default(),
    })
}

fn coordinator(given: &Given) -> Result<Dial, WorkerError> {
    let Some(url) = &given.coordinator else {
        let hint = "coordinator: expected --coordinator URL, TASTER_COORDINATOR or coordinator \
             in the configuration file, got nothing";
        return Err(WorkerError::Usage(hint.into()));
    };
    let uri = coordinator_uri(url)?;
    let tls = match uri.scheme_str() {
        Some("https") => Some(tls_files(given)?),
        _ => no_tls_files(given)?,
    };
    Ok(Dial { url: uri.to_string(), token_file: given.token_file.clone(), tls })
}

fn coordinator_uri(url: &str) -> Result<Uri, WorkerError> {
    let uri = url.parse::<Uri>().ok().filter(|uri| {
        let authority = uri.authority().map_or("@", |authority| authority.as_str());
        matches!(uri.scheme_str(), Some("http" | "https"))
            && !authority.contains('@')
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
    });
    // What was given is not repeated: a password may stand in it.
    let error = "coordinator: expected http://HOST:PORT or https://HOST:PORT, without user, path \
         or query";
    uri.ok_or_else(|| WorkerError::Usage(error.into()))
}

fn tls_files(given: &Given) -> Result<TlsFiles, WorkerError> {
    let Some(ca) = given.tls_ca.clone() else {
        let error = "tls-ca: expected a file with certificates for an https coordinator, got none";
        return Err(WorkerError::Usage(error.into()));
    };
    let identity = match (given.tls_cert.clone(), given.tls_key.clone()) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            let error = "tls-cert and tls-key: expected both or none, got one";
            return Err(WorkerError::Usage(error.into()));
        }
    };
    Ok(TlsFiles { ca, identity, domain: given.tls_domain.clone() })
}

/// Somebody who names certificates does not want to speak in clear.
fn no_tls_files(given: &Given) -> Result<Option<TlsFiles>, WorkerError> {
    let files = [&given.tls_ca, &given.tls_cert, &given.tls_key];
    if files.iter().any(|file| file.is_some()) || given.tls_domain.is_some() {
        let error = "coordinator: expected https:// together with tls options, got http://";
        return Err(WorkerError::Usage(error.into()));
    }
    Ok(None)
}

fn resources(given: &Given) -> Result<Resources, WorkerError> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = given.slots.unwrap_or_else(cores);
    if threads == 0 || threads > MAX_SLOTS {
        let error = format!("slots: expected 1 to {MAX_SLOTS}, got {threads}");
        return Err(WorkerError::Usage(error));
    }
    let memory_bytes = given.memory.map_or(DEFAULT_MEMORY_BYTES, |size| size.0);
    if memory_bytes < Resources::MIN_MEMORY_BYTES {
        let least = Resources::MIN_MEMORY_BYTES >> 20;
        let error = format!("memory: expected at least {least}MiB, got {memory_bytes} bytes");
        return Err(WorkerError::Usage(error));
    }
    Ok(Resources { threads, memory_bytes, unit_bytes: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EVERYTHING: &str = r#"
        coordinator = "https://c:1"
        token-file = "t"
        tls-ca = "ca"
        tls-cert = "cert"
        tls-key = "key"
        tls-domain = "d"
        give-up-after = "1h"
        slots = 3
        memory = "1GiB"
        work = "w"
        drain-deadline = 5
        metrics-listen = "off"
        log = "json"
        log-level = "debug"
    "#;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn with(line: &str, text: &str) -> Result<Settings, WorkerError> {
        let file = file(text);
        let config = ["taster-worker", "--config", file.path().to_str().unwrap()];
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
        let settings = with("", EVERYTHING).unwrap();
        let tls = settings.coordinator.tls.unwrap();
        assert_eq!(settings.coordinator.url, "https://c:1/");
        assert_eq!(settings.coordinator.token_file, Some("t".into()));
        assert_eq!((tls.ca, tls.identity), ("ca".into(), Some(("cert".into(), "key".into()))));
        assert_eq!(tls.domain.as_deref(), Some("d"));
        assert_eq!(settings.give_up_after, Some(Duration::from_secs(3600)));
        assert_eq!((settings.resources.threads, settings.resources.memory_bytes), (3, 1 << 30));
        assert_eq!(settings.work.as_deref(), Some("w"));
        assert_eq!(settings.drain_deadline, Duration::from_secs(5));
        assert_eq!(settings.metrics_listen, None);
        assert_eq!((settings.log, settings.log_level), (LogFormat::Json, LogLevel::Debug));
    }

    #[test]
    fn what_is_given_beats_the_file_which_beats_the_default() {
        let line = "--coordinator http://b:1 --slots 1";
        let settings = with(line, "coordinator = \"http://a:1\"\nmemory = 134217728").unwrap();
        assert_eq!(settings.coordinator.url, "http://b:1/");
        assert_eq!((settings.resources.threads, settings.resources.memory_bytes), (1, 128 << 20));
        assert_eq!(settings.drain_deadline, DEFAULT_DRAIN_DEADLINE);
        assert_eq!(settings.metrics_listen, Some("127.0.0.1:7772".parse().unwrap()));
        assert_eq!((settings.give_up_after, settings.log), (None, LogFormat::Text));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, text, word) in [
            ("", "", "--coordinator"),
            ("", "coordinater = \"http://a\"", "coordinater"),
            ("", "slots = -1", "slots"),
            ("--coordinator ftp://a", "", "https://HOST:PORT"),
            ("--coordinator a:1", "", "https://HOST:PORT"),
            ("--coordinator http://a/path", "", "without user, path"),
            ("--coordinator https://a", "", "tls-ca"),
            ("--coordinator http://a --tls-ca x", "", "got http://"),
            ("--coordinator https://a --tls-ca x --tls-key y", "", "both or none"),
            ("--coordinator http://a --slots 0", "", "1 to 4096, got 0"),
            ("--coordinator http://a --memory 1MiB", "", "at least 64MiB"),
        ] {
            let error = with(line, text).unwrap_err();
            assert_eq!(error.ending().code(), 2, "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn row_47_a_password_in_the_url_is_not_repeated() {
        let error = with("--coordinator http://user:hunter2@a:1", "").unwrap_err().to_string();
        assert!(error.starts_with("coordinator: ") && !error.contains("hunter2"), "{error}");
    }
}
