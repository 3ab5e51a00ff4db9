//! TLS, certificates and tokens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use taster_worker::WorkerError;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::scripted::{Coordinator, Demands};
use crate::workbench::Worker;

const LEASE: Duration = Duration::from_secs(5);

/// An authority with a certificate for the coordinator and one for a worker, as PEM.
struct Authority {
    ca: String,
    server: (String, String),
    client: (String, String),
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
        };
        Self { server: signed("coordinator.test"), client: signed("worker.test"), ca }
    }

    fn demands(&self, token: Option<&str>) -> Demands {
        // The other tests of this process have no TLS.
        rustls::crypto::ring::default_provider().install_default().unwrap();
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.server.0, &self.server.1))
            .client_ca_root(Certificate::from_pem(&self.ca));
        Demands { tls: Some(tls), token: token.map(str::to_owned) }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn start(coordinator: &Coordinator, options: &[(&str, &Path)]) -> Worker {
    let port = coordinator.address.port();
    let options = options.iter().map(|(name, path)| format!(" --{name} {}", path.display()));
    let options: String = options.collect();
    Worker::start(&format!(
        "--coordinator https://127.0.0.1:{port} --tls-domain coordinator.test \
         --give-up-after 1s{options}"
    ))
}

#[test]
fn row_43_certificates_of_both_sides_and_the_token_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let coordinator = Coordinator::demanding(authority.demands(Some("hunter2")));
    let ca = write(folder.path(), "ca.pem", &authority.ca);
    let certificate = write(folder.path(), "cert.pem", &authority.client.0);
    let key = write(folder.path(), "key.pem", &authority.client.1);
    let token = write(folder.path(), "token", "hunter2\n");
    let all = [
        ("tls-ca", ca.as_path()),
        ("tls-cert", certificate.as_path()),
        ("tls-key", key.as_path()),
        ("token-file", token.as_path()),
    ];
    let worker = start(&coordinator, &all);
    let mut conversation = coordinator.welcome(1, LEASE);
    conversation.assign(1, 1);
    worker.tasks.release(1);
    assert_eq!(conversation.finished().attempt, 1);
    drop(worker);

    let error = start(&coordinator, &all[..3]).join().unwrap_err();
    assert!(matches!(error, WorkerError::Denied(_)), "no token: {error}");
    assert_eq!(error.ending().code(), 4);
    let wrong = write(folder.path(), "wrong", "hunter3");
    let with_wrong = [all[0], all[1], all[2], ("token-file", wrong.as_path())];
    let error = start(&coordinator, &with_wrong).join().unwrap_err();
    assert_eq!(error.to_string(), "the coordinator denied access: wrong token");

    let without = [all[0], all[3]];
    let error = start(&coordinator, &without).join().unwrap_err();
    assert!(matches!(error, WorkerError::Unreachable { .. }), "no certificate: {error}");
    let other = write(folder.path(), "other.pem", &Authority::new().ca);
    let with_other = [("tls-ca", other.as_path()), all[1], all[2], all[3]];
    let error = start(&coordinator, &with_other).join().unwrap_err();
    assert!(error.to_string().contains("certificate"), "unknown authority: {error}");
}

#[test]
fn a_token_that_is_replaced_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let demands = Demands { tls: None, token: Some("new".into()) };
    let coordinator = Coordinator::demanding(demands);
    let token = folder.path().join("token");
    let url = coordinator.url();
    let worker = Worker::start(&format!("--coordinator {url} --token-file {}", token.display()));
    // There is none yet: the worker waits for it as for the coordinator.
    coordinator.stays_alone(Duration::from_millis(300));
    std::fs::write(&token, "new").unwrap();
    drop(coordinator.accept());
    drop(worker);
}
