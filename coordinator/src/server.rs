//! The gRPC server: services behind the door, and the limits of everything that comes in.

use std::time::Duration;

use taster_proto::v1::audit_service_server::AuditServiceServer;
use taster_proto::v1::work_service_server::WorkServiceServer;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::Router;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_health::pb::health_server::{Health as HealthApi, HealthServer};

use crate::configuration::{Security, TlsFiles, text};
use crate::connections::accept;
use crate::conversations::Conversations;
use crate::error::CoordinatorError;
use crate::service::Audits;
use crate::tokens::Door;

/// Largest submission: a thousand inputs of two kilobytes.
const SUBMISSION_BYTES: usize = 4 << 20;
/// Largest message of a worker.
const WORKER_BYTES: usize = 64 << 10;
/// Largest other message.
const QUESTION_BYTES: usize = 16 << 10;
/// Streams at the same time on one connection.
const STREAMS: u32 = 128;
/// Largest headers of one request.
const HEADER_BYTES: u32 = 16 << 10;
/// Streams that a client may reset before they are looked at.
const PENDING_RESETS: usize = 20;
/// Pause between pings, and the longest wait for their answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Longest time until an answer begins: that of a submission, which reads footers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// Longest TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The services of one coordinator.
pub(crate) struct Services<H: HealthApi> {
    pub(crate) audits: Audits,
    pub(crate) conversations: Conversations,
    pub(crate) health: HealthServer<H>,
}

/// Reads certificates and keys.
///
/// # Errors
/// A file that cannot be read.
fn tls(files: &TlsFiles) -> Result<ServerTlsConfig, CoordinatorError> {
    let identity = Identity::from_pem(text(&files.certificate)?, text(&files.key)?);
    let tls = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_TIMEOUT);
    match &files.client_ca {
        None => Ok(tls),
        Some(ca) => Ok(tls.client_ca_root(Certificate::from_pem(text(ca)?))),
    }
}

fn limited(security: &Security) -> Result<Server, CoordinatorError> {
    let server = Server::builder()
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS))
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .timeout(ANSWER_TIMEOUT);
    let Some(files) = &security.tls else {
        return Ok(server);
    };
    // Two implementations are linked, so rustls wants to be told which; if another part of the
    // process has told it, that stands.
    let _ = rustls::crypto::ring::default_provider().install_default();
    server.tls_config(tls(files)?).map_err(|error| CoordinatorError::File {
        path: files.certificate.clone(),
        detail: format!("expected a PEM certificate and its key: {error}"),
    })
}

/// A server that is set up; nothing is accepted yet.
///
/// # Errors
/// Certificates and keys that cannot be used.
pub(crate) fn router<H: HealthApi>(
    services: Services<H>,
    security: &Security,
) -> Result<Router, CoordinatorError> {
    let door = Door(security.tokens.clone());
    let audits = AuditServiceServer::new(services.audits);
    let work = WorkServiceServer::new(services.conversations);
    let audits = audits.max_decoding_message_size(SUBMISSION_BYTES);
    let work = work.max_decoding_message_size(WORKER_BYTES);
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(taster_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .map_err(|error| CoordinatorError::Internal(format!("reflection: {error}")))?
        .max_decoding_message_size(QUESTION_BYTES);
    // Health alone is open: probes have no secrets.
    Ok(limited(security)?
        .add_service(services.health.max_decoding_message_size(QUESTION_BYTES))
        .add_service(InterceptedService::new(audits, door.clone()))
        .add_service(InterceptedService::new(work, door.clone()))
        .add_service(InterceptedService::new(reflection, door)))
}

/// Serves until `closed`, then until all connections have ended.
///
/// # Errors
/// The listener fails.
pub(crate) async fn serve(
    router: Router,
    listener: TcpListener,
    closed: impl Future<Output = ()>,
) -> Result<(), CoordinatorError> {
    let served = router.serve_with_incoming_shutdown(accept(listener), closed).await;
    served.map_err(|error| CoordinatorError::Internal(format!("the server: {error}")))
}
