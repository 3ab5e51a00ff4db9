//! `/metrics`, `/healthz` and `/readyz` over HTTP.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::health::Health;
use crate::metrics::Metrics;

/// Connections at the same time; more wait.
const CONNECTIONS: usize = 32;
/// Longest life of a connection.
const CONNECTION_TIME: Duration = Duration::from_secs(30);
/// Longest wait for a request.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// Pause after an error to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// What the page tells.
#[derive(Clone)]
pub(crate) struct StatusPage {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
}

impl StatusPage {
    /// Serves for ever.
    ///
    /// # Errors
    /// The listener cannot be used on a runtime.
    pub(crate) async fn serve(self, listener: TcpListener) -> std::io::Result<Infallible> {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let page = self.clone();
            tokio::spawn(async move {
                let _place = place;
                page.converse(stream).await;
            });
        }
    }

    async fn converse(self, stream: TcpStream) {
        let answer = service_fn(move |request: Request<Incoming>| {
            let answer = self.answer(request.method(), request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIME);
        let connection = server.serve_connection(TokioIo::new(stream), answer);
        // Whoever asked has gone, or takes too long: nobody is left to tell.
        let _ = tokio::time::timeout(CONNECTION_TIME, connection).await;
    }

    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "expected GET\n");
        }
        match path {
            "/metrics" => response(StatusCode::OK, OPEN_METRICS, self.metrics.text()),
            "/healthz" => response(StatusCode::OK, PLAIN, "ok\n"),
            "/readyz" => match self.health.unready() {
                None => response(StatusCode::OK, PLAIN, "ready\n"),
                Some(reason) => {
                    response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{reason}\n"))
                }
            },
            _ => response(StatusCode::NOT_FOUND, PLAIN, "expected /metrics, /healthz or /readyz\n"),
        }
    }
}

fn response(
    status: StatusCode,
    kind: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}
