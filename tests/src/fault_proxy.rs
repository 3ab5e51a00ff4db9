//! A proxy before an S3 server that does what networks and stores do on bad days.
//!
//! It forwards requests as they are, so that signatures stay valid, and asks a script for each
//! what shall go wrong.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Not forwarded, answered with this status.
    Refuse(u16),
    /// Forwarded, then answered with this status: what was asked for has happened.
    AnswerAfter(u16),
    /// Forwarded, then the connection ends without an answer.
    DropAfter,
    /// The connection ends before anything is forwarded.
    Drop,
    /// Half of the body, then the connection ends.
    Truncate,
    /// No answer for this many milliseconds, then the connection ends.
    Hang(u32),
    /// A refused create-only put is answered like one that succeeded, as by a store that does not
    /// know `If-None-Match`. (The object stays as it was: what is signed cannot be changed.)
    IgnoreConditions,
    /// Refused as S3 refuses a token that has expired.
    ExpiredToken,
    /// Refused as S3 refuses a request from a machine whose clock is wrong.
    Skewed,
}

/// A request as a script sees it.
#[derive(Debug)]
pub struct Seen<'a> {
    /// `GET`, `PUT`, …
    pub method: &'a str,
    /// Path with bucket and key.
    pub path: &'a str,
    /// Its number, from 0.
    pub number: u64,
}

/// Says what goes wrong; called once per request.
pub type Script = Box<dyn FnMut(&Seen<'_>) -> Option<Fault> + Send>;

/// A proxy that runs until it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FaultProxy({})", self.address)
    }
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

struct State {
    script: Script,
    requests: u64,
    faults: BTreeMap<Fault, u64>,
}

impl FaultProxy {
    /// Starts a proxy on a free port of this machine.
    ///
    /// # Panics
    /// If it cannot.
    #[must_use]
    pub fn start(upstream: SocketAddr, script: Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = State { script, requests: 0, faults: BTreeMap::new() };
        let shared = Arc::new(Shared { upstream, state: Mutex::new(state) });
        runtime.spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this script.
    pub fn script(&self, script: Script) {
        self.shared.state().script = script;
    }

    /// Requests so far, and faults by kind.
    #[must_use]
    pub fn counts(&self) -> (u64, BTreeMap<Fault, u64>) {
        let state = self.shared.state();
        (state.requests, state.faults.clone())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One request in `every` of these methods (of all, if none is named) goes wrong, each time in one
/// of these ways, drawn from `seed`.
#[must_use]
pub fn at_random(
    seed: u64,
    every: u32,
    methods: &'static [&'static str],
    faults: &'static [Fault],
) -> Script {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Box::new(move |seen| {
        let hit = random.random_ratio(1, every);
        let which = random.random_range(0..faults.len());
        let meant = methods.is_empty() || methods.contains(&seen.method);
        (hit && meant).then(|| faults[which])
    })
}

/// Every request goes wrong for so long, beginning `after` the first one.
#[must_use]
pub fn for_a_while(after: Duration, span: Duration, faults: &'static [Fault]) -> Script {
    let mut first = None;
    Box::new(move |seen| {
        let since = first.get_or_insert_with(Instant::now).elapsed();
        let bad = since >= after && since < after + span;
        bad.then(|| faults[seen.number as usize % faults.len()])
    })
}

/// Every request goes wrong in this way.
#[must_use]
pub fn always(fault: Fault) -> Script {
    Box::new(move |_| Some(fault))
}

/// Nothing goes wrong.
#[must_use]
pub fn never() -> Script {
    Box::new(|_| None)
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, request: &Request<Incoming>) -> Option<Fault> {
        let mut state = self.state();
        let number = state.requests;
        state.requests += 1;
        let (method, path) = (request.method().as_str(), request.uri().path());
        let fault = (state.script)(&Seen { method, path, number });
        if let Some(fault) = fault {
            *state.faults.entry(fault).or_default() += 1;
        }
        fault
    }
}

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

fn broken(reason: impl std::fmt::Display) -> Broken {
    Broken(reason.to_string())
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = |request| answer(Arc::clone(&shared), request);
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service_fn(answer));
            let _ = connection.await;
        });
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Half>, Broken> {
    let fault = shared.fault(&request);
    match fault {
        Some(Fault::Refuse(status)) => return Ok(error(status, "InternalError")),
        Some(Fault::ExpiredToken) => return Ok(error(400, "ExpiredToken")),
        Some(Fault::Skewed) => return Ok(error(403, "RequestTimeTooSkewed")),
        Some(Fault::Drop) => return Err(broken("dropped")),
        Some(Fault::Hang(millis)) => {
            tokio::time::sleep(Duration::from_millis(u64::from(millis))).await;
            return Err(broken("hung"));
        }
        _ => {}
    }
    let response = forward(&shared, request).await?;
    match fault {
        Some(Fault::AnswerAfter(status)) => Ok(error(status, "InternalError")),
        Some(Fault::DropAfter) => Err(broken("dropped")),
        Some(Fault::Truncate) => Ok(response.map(Half::of)),
        Some(Fault::IgnoreConditions) if response.status() == StatusCode::PRECONDITION_FAILED => {
            let mut created = Response::new(Half::whole(Bytes::new()));
            created.headers_mut().insert(hyper::header::ETAG, HeaderValue::from_static("\"0\""));
            Ok(created)
        }
        _ => Ok(response.map(Half::whole)),
    }
}

/// A body of which the first half may be all that is sent before the connection breaks.
struct Half {
    rest: Option<Bytes>,
    breaks: bool,
    announced: u64,
}

impl Half {
    fn whole(body: Bytes) -> Self {
        Self { announced: body.len() as u64, rest: Some(body), breaks: false }
    }

    fn of(body: Bytes) -> Self {
        let (announced, half) = (body.len() as u64, body.slice(..body.len() / 2));
        Self { announced, rest: Some(half), breaks: announced > 1 }
    }
}

impl Body for Half {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.rest.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None if self.breaks => Poll::Ready(Some(Err(broken("truncated")))),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && !self.breaks
    }
}

async fn forward(shared: &Shared, request: Request<Incoming>) -> Result<Response<Bytes>, Broken> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(broken)?.to_bytes();
    let is_head = parts.method == Method::HEAD;
    let socket = TcpStream::connect(shared.upstream).await.map_err(broken)?;
    let _ = socket.set_nodelay(true);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(broken)?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let request = Request::from_parts(parts, Full::new(body));
    let (mut parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
    let body = body.collect().await.map_err(broken)?.to_bytes();
    if !is_head {
        parts.headers.remove(hyper::header::CONTENT_LENGTH);
        parts.headers.remove(hyper::header::TRANSFER_ENCODING);
    }
    Ok(Response::from_parts(parts, body))
}

fn error(status: u16, code: &str) -> Response<Half> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    let mut response = Response::new(Half::whole(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3_server::S3Server;
    use object_store::aws::AmazonS3Builder;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload, RetryConfig};

    #[test]
    fn faults_come_as_scripted_and_objects_stay_whole() {
        let server = S3Server::start(&["bucket"]);
        let faults =
            [Fault::Refuse(503), Fault::DropAfter, Fault::Truncate, Fault::AnswerAfter(500)];
        let script = move |seen: &Seen<'_>| match seen.number % 2 {
            0 => Some(faults[(seen.number / 2) as usize % faults.len()]),
            _ => None,
        };
        let proxy = FaultProxy::start(server.address(), Box::new(script));
        let client = AmazonS3Builder::new()
            .with_endpoint(proxy.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id(crate::s3_server::ACCESS_KEY)
            .with_secret_access_key(crate::s3_server::SECRET_KEY)
            .with_bucket_name("bucket")
            .with_retry(RetryConfig::default())
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for number in 0..6u8 {
                let body = vec![number; 10_000];
                let key = Path::from(format!("key-{number}"));
                client.put(&key, PutPayload::from(body.clone())).await.unwrap();
                assert_eq!(client.get(&key).await.unwrap().bytes().await.unwrap(), body);
            }
        });
        let (requests, faults) = proxy.counts();
        assert!(requests > 12 && faults.len() >= 3, "{requests} requests, {faults:?}");
    }
}
