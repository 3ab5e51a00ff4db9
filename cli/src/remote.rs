//! A coordinator, as a client meets it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use taster_proto::v1;
use taster_proto::v1::audit_service_client::AuditServiceClient;
use tokio::runtime::Handle;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use crate::error::CliError;

/// Longest wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for an answer; a submission lists and reads footers before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// The transport looks whether the other side still answers.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Largest report that is taken over the wire.
const REPORT_BYTES: usize = 256 << 20;

/// Which coordinator, and what it is shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Coordinator")]
pub struct ConnectionArguments {
    /// URL of the coordinator
    #[arg(
        long,
        env = "TASTER_COORDINATOR",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:7770"
    )]
    pub coordinator: String,
    /// File with the token that the coordinator wants
    #[arg(long, env = "TASTER_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates of authorities that the coordinator's certificate is checked against
    #[arg(long, env = "TASTER_TLS_CA", hide_env_values = true, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Own certificate, for a coordinator that asks for one
    #[arg(
        long,
        env = "TASTER_TLS_CERT",
        hide_env_values = true,
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,
    /// Its key
    #[arg(
        long,
        env = "TASTER_TLS_KEY",
        hide_env_values = true,
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
    /// Name in the coordinator's certificate [default: the host of the URL]
    #[arg(long, env = "TASTER_TLS_DOMAIN", hide_env_values = true, value_name = "NAME")]
    pub tls_domain: Option<String>,
}

/// Adds the token to every request.
#[derive(Clone)]
pub struct Authorise(Option<MetadataValue<Ascii>>);

impl tonic::service::Interceptor for Authorise {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

type Client = AuditServiceClient<InterceptedService<Channel, Authorise>>;

/// A connection to a coordinator. Calls block.
pub struct Remote<'a> {
    client: Client,
    url: String,
    runtime: &'a Handle,
}

impl<'a> Remote<'a> {
    /// Prepares the connection; it is made with the first call, and again after it broke.
    ///
    /// # Errors
    /// A URL, certificate or token that cannot be used.
    pub fn new(arguments: &ConnectionArguments, runtime: &'a Handle) -> Result<Self, CliError> {
        let url = &arguments.coordinator;
        let unusable = |error: tonic::transport::Error| {
            CliError::Usage(format!("coordinator: {url}: {}", all_of(&error)))
        };
        let mut endpoint = Endpoint::from_shared(url.clone())
            .map_err(unusable)?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_while_idle(true);
        if let Some(tls) = arguments.tls()? {
            endpoint = endpoint.tls_config(tls).map_err(unusable)?;
        }
        // The channel spawns its driver on the current runtime.
        let entered = runtime.enter();
        let channel = endpoint.connect_lazy();
        drop(entered);
        let authorise = Authorise(arguments.token_file.as_deref().map(token).transpose()?);
        let client = AuditServiceClient::with_interceptor(channel, authorise)
            .max_decoding_message_size(REPORT_BYTES);
        Ok(Self { client, url: url.clone(), runtime })
    }

    /// Submits an audit.
    pub fn submit(&self, request: v1::SubmitRequest) -> Result<v1::Audit, CliError> {
        let answer =
            self.call(|mut client, request| async move { client.submit(request).await }, request)?;
        self.present(answer.audit)
    }

    /// Cancels an audit.
    pub fn cancel(&self, audit_id: &str) -> Result<v1::Audit, CliError> {
        let request = v1::CancelRequest { audit_id: audit_id.to_owned() };
        let answer =
            self.call(|mut client, request| async move { client.cancel(request).await }, request)?;
        self.present(answer.audit)
    }

    /// One page of audits, newest first, and the token of the next one.
    pub fn list(&self, page_token: String) -> Result<v1::ListResponse, CliError> {
        let request = v1::ListRequest { page_size: 0, page_token };
        self.call(|mut client, request| async move { client.list(request).await }, request)
    }

    /// `report.json` of a finished audit.
    pub fn report(&self, audit_id: &str) -> Result<Vec<u8>, CliError> {
        let request = v1::ReportRequest { audit_id: audit_id.to_owned() };
        let answer =
            self.call(|mut client, request| async move { client.report(request).await }, request)?;
        Ok(answer.report_json)
    }

    /// Calls `each` with every state of an audit until it has ended or the conversation breaks;
    /// the last state, if there was one.
    pub fn watch(
        &self,
        audit_id: &str,
        mut each: impl FnMut(&v1::Audit),
    ) -> Result<Option<v1::Audit>, CliError> {
        let request = v1::WatchRequest { audit_id: audit_id.to_owned() };
        let mut client = self.client.clone();
        self.runtime.block_on(async move {
            let opened = client.watch(request).await.map_err(|status| self.error(&status))?;
            let (mut stream, mut last) = (opened.into_inner(), None);
            while let Some(state) = stream.message().await.map_err(|s| self.error(&s))? {
                if let Some(audit) = state.audit {
                    each(&audit);
                    last = Some(audit);
                }
            }
            Ok(last)
        })
    }

    fn call<Q, A, F: Future<Output = Result<tonic::Response<A>, Status>>>(
        &self,
        method: impl FnOnce(Client, Request<Q>) -> F,
        message: Q,
    ) -> Result<A, CliError> {
        let mut request = Request::new(message);
        request.set_timeout(ANSWER_TIMEOUT);
        let answer = self.runtime.block_on(method(self.client.clone(), request));
        answer.map(tonic::Response::into_inner).map_err(|status| self.error(&status))
    }

    fn present(&self, audit: Option<v1::Audit>) -> Result<v1::Audit, CliError> {
        let nothing = || CliError::Remote {
            coordinator: self.url.clone(),
            detail: "expected an audit in the answer, got none".into(),
            is_request: false,
        };
        audit.ok_or_else(nothing)
    }

    fn error(&self, status: &Status) -> CliError {
        let is_request = matches!(
            status.code(),
            Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
        );
        let detail = match status.message() {
            "" => status.code().to_string(),
            message => message.to_owned(),
        };
        CliError::Remote { coordinator: self.url.clone(), detail, is_request }
    }
}

impl ConnectionArguments {
    fn tls(&self) -> Result<Option<ClientTlsConfig>, CliError> {
        if !self.coordinator.starts_with("https://") {
            return Ok(None);
        }
        let mut tls = ClientTlsConfig::new();
        if let Some(ca) = &self.tls_ca {
            tls = tls.ca_certificate(Certificate::from_pem(text(ca)?));
        }
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            tls = tls.identity(Identity::from_pem(text(certificate)?, text(key)?));
        }
        if let Some(domain) = &self.tls_domain {
            tls = tls.domain_name(domain);
        }
        Ok(Some(tls))
    }
}

fn token(file: &Path) -> Result<MetadataValue<Ascii>, CliError> {
    let text = text(file)?;
    let first = text.lines().next().unwrap_or_default().trim();
    // The error would quote the token.
    let unusable =
        |_| CliError::Usage(format!("{}: expected a token of visible characters", file.display()));
    let mut value: MetadataValue<Ascii> = format!("Bearer {first}").parse().map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn text(file: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(file).map_err(|source| CliError::File {
        action: "read",
        path: file.to_owned(),
        source,
    })
}

/// An error with its causes, which the transport keeps to itself.
fn all_of(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn row_47_a_token_is_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hunter2\nsecond\n").unwrap();
        let value = token(file.path()).unwrap();
        assert_eq!(value.as_encoded_bytes(), b"Bearer hunter2");
        assert!(!format!("{value:?}").contains("hunter2"));
        std::fs::write(file.path(), "hunter2\u{7f}").unwrap();
        let error = token(file.path()).unwrap_err().to_string();
        assert!(error.contains("visible characters") && !error.contains("hunter2"), "{error}");
    }
}
