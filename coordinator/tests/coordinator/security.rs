//! Who may ask for something.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use taster_proto::v1;
use taster_proto::v1::audit_service_client::AuditServiceClient;
use taster_proto::v1::work_service_client::WorkServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::harness::{Bench, Coordinator};

fn with<T>(message: T, token: Option<&str>) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value: MetadataValue<Ascii> = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn guarded(bench: &Bench) -> Coordinator {
    let tokens = bench.write("tokens", "canary-old\ncanary-new\n");
    bench.start(&format!("--token-file {tokens}"))
}

/// What every method answers to somebody with this token.
async fn answers(channel: Channel, token: Option<&str>) -> Vec<Code> {
    let mut audits = AuditServiceClient::new(channel.clone());
    let id = || "none".to_owned();
    // Larger than what is read: whoever has no token must not get so far.
    let large = v1::SubmitRequest { parameters_json: " ".repeat(5 << 20), ..Default::default() };
    let submit = audits.submit(with(large, token)).await.map(drop);
    let get = audits.get(with(v1::GetRequest { audit_id: id() }, token)).await.map(drop);
    let list = audits.list(with(v1::ListRequest::default(), token)).await.map(drop);
    let watch = audits.watch(with(v1::WatchRequest { audit_id: id() }, token)).await.map(drop);
    let cancel = audits.cancel(with(v1::CancelRequest { audit_id: id() }, token)).await.map(drop);
    let report = audits.report(with(v1::ReportRequest { audit_id: id() }, token)).await.map(drop);
    let nothing = tokio_stream::iter(Vec::<v1::ConverseRequest>::new());
    let mut work = WorkServiceClient::new(channel.clone());
    let converse = work.converse(with(nothing, token)).await.map(drop);
    let nothing = tokio_stream::iter(Vec::<ServerReflectionRequest>::new());
    let mut reflection = ServerReflectionClient::new(channel);
    let reflect = reflection.server_reflection_info(with(nothing, token)).await.map(drop);
    let all = [submit, get, list, watch, cancel, report, converse, reflect];
    all.map(|answer| answer.err().map_or(Code::Ok, |status| status.code())).to_vec()
}

#[tokio::test]
async fn row_43_without_a_valid_token_nothing_but_health_answers() {
    let bench = Bench::new();
    let coordinator = guarded(&bench);
    for token in [None, Some("wrong"), Some("canary-ol"), Some("canary-old2"), Some("")] {
        let answers = answers(coordinator.channel().await, token).await;
        assert_eq!(answers, [Code::Unauthenticated; 8], "{token:?}");
    }
    let mut health = HealthClient::new(coordinator.channel().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    for token in ["canary-old", "canary-new"] {
        let answers = answers(coordinator.channel().await, Some(token)).await;
        assert_eq!(answers[0], Code::OutOfRange, "the body is read now");
        assert_eq!(answers[2], Code::Ok);
        assert!(!answers.contains(&Code::Unauthenticated));
    }
}

#[tokio::test]
async fn reflection_describes_the_services() {
    let bench = Bench::new();
    let coordinator = bench.start("");
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(coordinator.channel().await);
    let answer = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap();
    let answer = answer.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("expected a list of services");
    };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    for name in ["taster.v1.AuditService", "taster.v1.WorkService", "grpc.health.v1.Health"] {
        assert!(names.contains(&name), "{names:?}");
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (parameters.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

async fn list(coordinator: &Coordinator, tls: ClientTlsConfig) -> Result<(), String> {
    let url = format!("https://localhost:{}", coordinator.address.port());
    let endpoint = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap();
    let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    let answer = AuditServiceClient::new(channel).list(v1::ListRequest::default()).await;
    answer.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn row_43_with_a_client_authority_only_its_certificates_are_let_in() {
    let bench = Bench::new();
    let (ours, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let (certificate, key) = ours.issue("localhost");
    let files = [
        ("--tls-cert", bench.write("cert.pem", &certificate)),
        ("--tls-key", bench.write("key.pem", &key)),
        ("--tls-client-ca", bench.write("ca.pem", &clients.pem())),
    ];
    let options = files.map(|(option, file)| format!("{option} {file}")).join(" ");
    let coordinator = bench.start(&options);
    let tls = || ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ours.pem()));
    let shown = |authority: &Authority| {
        let (certificate, key) = authority.issue("client");
        tls().identity(Identity::from_pem(certificate, key))
    };
    list(&coordinator, shown(&clients)).await.unwrap();
    list(&coordinator, shown(&strangers)).await.unwrap_err();
    list(&coordinator, tls()).await.unwrap_err();
    let plain = Endpoint::from_shared(format!("http://{}", coordinator.address)).unwrap();
    if let Ok(channel) = plain.connect().await {
        let answer = AuditServiceClient::new(channel).list(v1::ListRequest::default()).await;
        answer.unwrap_err();
    }
}

#[test]
fn unusable_certificates_are_a_mistake_of_the_configuration() {
    let bench = Bench::new();
    let (certificate, key) = (bench.write("cert", "x"), bench.write("key", "canary-key"));
    let settings = bench.settings(&format!("--tls-cert {certificate} --tls-key {key}"));
    let error = Coordinator::start(&settings).wait().unwrap_err();
    assert_eq!(error.ending().code(), 2, "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn row_47_pages_and_errors_hold_no_secrets() {
    let bench = Bench::new();
    let coordinator = guarded(&bench);
    let request = v1::SubmitRequest {
        inputs: vec!["s3://canary-user:canary-pass@bucket/x?X-Amz-Signature=canary-sig".into()],
        ..bench.submission("a")
    };
    let mut client = AuditServiceClient::new(coordinator.channel().await);
    let error = client.submit(with(request, Some("canary-new"))).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    for text in [error.to_string(), format!("{error:?}"), coordinator.page("/metrics").1] {
        assert!(!text.contains("canary-"), "{text}");
    }
}
