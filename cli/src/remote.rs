//! A coordinator, as a client meets it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use taster_proto::v1;
use taster_proto::v1::audit_service_client::AuditServiceClient;
use taster_proto::{Dial, DialError, TlsFiles};
use tokio::runtime::Handle;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::error::CliError;

/// Longest wait for an answer; a submission lists and reads footers before it answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
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
        let dial = arguments.dial()?;
        let unusable = |error: DialError| CliError::Usage(format!("coordinator: {error}"));
        let endpoint = dial.endpoint().map_err(unusable)?;
        let authorise = Authorise(dial.authorization().map_err(unusable)?);
        // The channel spawns its driver on the current runtime.
        let entered = runtime.enter();
        let channel = endpoint.connect_lazy();
        drop(entered);
        let client = AuditServiceClient::with_interceptor(channel, authorise)
            .max_decoding_message_size(REPORT_BYTES);
        Ok(Self { client, url: dial.url, runtime })
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
    fn dial(&self) -> Result<Dial, CliError> {
        let url = self.coordinator.clone();
        let tls = match (&self.tls_ca, url.starts_with("https://")) {
            (_, false) => None,
            (Some(ca), true) => Some(TlsFiles {
                ca: ca.clone(),
                identity: self.tls_cert.clone().zip(self.tls_key.clone()),
                domain: self.tls_domain.clone(),
            }),
            (None, true) => {
                let missing = "tls-ca: expected a file with certificates for an https \
                     coordinator, got none";
                return Err(CliError::Usage(missing.into()));
            }
        };
        Ok(Dial { url, token_file: self.token_file.clone(), tls })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        connection: ConnectionArguments,
    }

    fn dial(line: &str) -> Result<Dial, CliError> {
        Line::try_parse_from(line.split_whitespace()).unwrap().connection.dial()
    }

    #[test]
    fn https_needs_certificates_to_trust_and_http_needs_none() {
        assert!(dial("x").unwrap().tls.is_none());
        let error = dial("x --coordinator https://host:7770").unwrap_err().to_string();
        assert!(error.starts_with("tls-ca: expected"), "{error}");
        let dial = dial("x --coordinator https://host:7770 --tls-ca ca --tls-cert c --tls-key k");
        let tls = dial.unwrap().tls.unwrap();
        assert_eq!(tls.identity, Some(("c".into(), "k".into())));
    }
}
