//! The connection to a coordinator.

use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::configuration::{CoordinatorSettings, TlsFiles};
use crate::parting::{Parting, full_text};

/// Longest wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The transport looks whether the other side still answers, in case nothing else does.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// A connection and what authorises requests on it.
pub(crate) struct Line {
    pub(crate) channel: Channel,
    /// Value of the `authorization` header.
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
}

/// Connects. Files are read anew each time, so that tokens and certificates can be replaced while
/// the worker runs.
pub(crate) async fn dial(settings: &CoordinatorSettings) -> Result<Line, Parting> {
    let authorization = settings.token_file.as_deref().map(authorization).transpose()?;
    let mut endpoint = Endpoint::from(settings.uri.clone())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true);
    if let Some(files) = &settings.tls {
        endpoint = endpoint.tls_config(tls(files)?).map_err(|e| broken(&e))?;
    }
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, endpoint.connect());
    let channel = connecting.await.map_err(|_| no_answer(CONNECT_TIMEOUT))?;
    Ok(Line { channel: channel.map_err(|e| broken(&e))?, authorization })
}

fn authorization(file: &Path) -> Result<MetadataValue<Ascii>, Parting> {
    let token = SecretString::from(text(file)?);
    let header = SecretString::from(format!("Bearer {}", token.expose_secret().trim()));
    // The error would quote the token.
    let unusable =
        |_| Parting::Broken(format!("{}: expected a token of visible characters", file.display()));
    let mut value: MetadataValue<Ascii> = header.expose_secret().parse().map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn tls(files: &TlsFiles) -> Result<ClientTlsConfig, Parting> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(text(&files.ca)?));
    if let Some((certificate, key)) = &files.identity {
        tls = tls.identity(Identity::from_pem(text(certificate)?, text(key)?));
    }
    if let Some(domain) = &files.domain {
        tls = tls.domain_name(domain);
    }
    Ok(tls)
}

fn text(file: &Path) -> Result<String, Parting> {
    let error = |e: std::io::Error| Parting::Broken(format!("cannot read {}: {e}", file.display()));
    std::fs::read_to_string(file).map_err(error)
}

fn broken(error: &tonic::transport::Error) -> Parting {
    Parting::Broken(full_text(error))
}

/// A wait that was bounded has ended.
pub(crate) fn no_answer(after: Duration) -> Parting {
    Parting::Broken(format!("no answer within {after:?}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(text: &str) -> Result<MetadataValue<Ascii>, Parting> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        authorization(file.path())
    }

    #[test]
    fn row_47_a_token_is_never_shown() {
        let value = token("hunter2\n").unwrap();
        assert_eq!(value.as_encoded_bytes(), b"Bearer hunter2");
        assert!(!format!("{value:?}").contains("hunter2"));
        let error = token("hunter2\0").unwrap_err().to_string();
        assert!(error.contains("visible characters") && !error.contains("hunter2"), "{error}");
        let missing = authorization(Path::new("no/such/token")).unwrap_err().to_string();
        assert!(missing.contains("cannot read no/such/token"), "{missing}");
    }
}
