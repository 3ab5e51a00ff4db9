//! How a coordinator is reached: the address, and what is shown to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Longest wait for a connection, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The transport looks whether the other side still answers, in case nothing else does.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// Where a coordinator is and what it is shown. Files are read anew with every call, so that
/// tokens and certificates can be replaced while a process runs.
#[derive(Debug, Clone)]
pub struct Dial {
    /// `http://` or `https://`, host and port.
    pub url: String,
    /// File whose first line is the bearer token.
    pub token_file: Option<PathBuf>,
    /// Used if and only if the scheme is `https`.
    pub tls: Option<TlsFiles>,
}

/// Files and names of a TLS connection.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// Certificates that are trusted, PEM.
    pub ca: PathBuf,
    /// The client's certificate and key, PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Name to expect in the coordinator's certificate, instead of the host.
    pub domain: Option<String>,
}

/// Why a coordinator cannot be dialled. Never shows a secret.
#[derive(Debug, Error)]
pub enum DialError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A token that cannot stand in a header.
    #[error("{0}: expected a token of visible characters")]
    Token(PathBuf),
    /// An address or a certificate that cannot be used.
    #[error("{url}: {detail}")]
    Endpoint {
        /// The address.
        url: String,
        /// What is wrong.
        detail: String,
    },
}

impl Dial {
    /// The endpoint, not connected yet.
    ///
    /// # Errors
    /// An address or a certificate that cannot be used.
    pub fn endpoint(&self) -> Result<Endpoint, DialError> {
        let unusable = |error: tonic::transport::Error| DialError::Endpoint {
            url: self.url.clone(),
            detail: with_causes(&error),
        };
        let endpoint = Endpoint::from_shared(self.url.clone())
            .map_err(unusable)?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        match self.tls.as_ref().filter(|_| self.url.starts_with("https://")) {
            None => Ok(endpoint),
            Some(files) => endpoint.tls_config(files.configuration()?).map_err(unusable),
        }
    }

    /// The value of the `authorization` header, if there is a token.
    ///
    /// # Errors
    /// A file that cannot be read or holds no token.
    pub fn authorization(&self) -> Result<Option<MetadataValue<Ascii>>, DialError> {
        self.token_file.as_deref().map(authorization).transpose()
    }
}

impl TlsFiles {
    fn configuration(&self) -> Result<ClientTlsConfig, DialError> {
        let ca = Certificate::from_pem(text(&self.ca)?);
        let mut tls = ClientTlsConfig::new().ca_certificate(ca);
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(Identity::from_pem(text(certificate)?, text(key)?));
        }
        if let Some(domain) = &self.domain {
            tls = tls.domain_name(domain);
        }
        Ok(tls)
    }
}

fn authorization(file: &Path) -> Result<MetadataValue<Ascii>, DialError> {
    let token = SecretString::from(text(file)?);
    let first = token.expose_secret().lines().next().unwrap_or_default().trim();
    let header = SecretString::from(format!("Bearer {first}"));
    // The parser's error would quote the token.
    let unusable = |_| DialError::Token(file.to_owned());
    let mut value: MetadataValue<Ascii> = header.expose_secret().parse().map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn text(path: &Path) -> Result<String, DialError> {
    let path = path.to_owned();
    std::fs::read_to_string(&path).map_err(|source| DialError::File { path, source })
}

/// An error with its causes, which the transport keeps to itself.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn row_47_a_token_is_never_shown() {
        let folder = std::env::temp_dir().join(format!("taster-dial-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("token");
        std::fs::write(&file, "hunter2\nsecond\n").unwrap();
        let value = authorization(&file).unwrap();
        assert_eq!(value.as_encoded_bytes(), b"Bearer hunter2");
        assert!(!format!("{value:?}").contains("hunter2"));
        std::fs::write(&file, "hunter2\u{7f}").unwrap();
        let error = authorization(&file).unwrap_err().to_string();
        assert!(error.contains("visible characters") && !error.contains("hunter2"), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
        let missing = authorization(&file).unwrap_err().to_string();
        assert!(missing.contains("cannot read"), "{missing}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let dial = Dial { url: "http://[".into(), token_file: None, tls: None };
        assert!(dial.endpoint().unwrap_err().to_string().starts_with("http://[: "));
    }
}
