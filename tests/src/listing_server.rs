//! A store that only claims to be large: any number of keys, listed in pages as S3 lists them.
//!
//! Every so many keys are shards, all with the same bytes. Signatures are not looked at, and
//! nothing can be written.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Keys of one page, as on S3.
const PAGE: u64 = 1000;
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// What the store claims to hold.
#[derive(Debug)]
pub struct Claim {
    /// Keys in all.
    pub keys: u64,
    /// One key of so many is a shard.
    pub every: u64,
    /// The bytes of every shard.
    pub shard: Bytes,
}

#[derive(Debug)]
struct Shared {
    claim: Claim,
    pages: AtomicU64,
    reads: AtomicU64,
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct ListingServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl ListingServer {
    /// Starts a server on a free port of this machine.
    ///
    /// # Panics
    /// If it cannot.
    #[must_use]
    pub fn start(claim: Claim) -> Self {
        let builder = &mut tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Shared { claim, pages: AtomicU64::new(0), reads: AtomicU64::new(0) };
        let shared = Arc::new(shared);
        runtime.spawn(serve(listener, Arc::clone(&shared)));
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Pages listed and objects read so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.shared.pages), count(&self.shared.reads))
    }
}

impl Drop for ListingServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let answer = shared.answer(&request);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

impl Shared {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let query = request.uri().query().unwrap_or_default();
        if query.contains("list-type=2") {
            self.pages.fetch_add(1, Ordering::Relaxed);
            return Response::new(Full::new(Bytes::from(self.page(query))));
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        let range = request.headers().get(RANGE).and_then(|range| range.to_str().ok());
        self.object(range.and_then(bounds))
    }

    fn page(&self, query: &str) -> String {
        let token = query.split('&').find_map(|pair| pair.strip_prefix("continuation-token="));
        let first = token.and_then(|token| token.parse().ok()).unwrap_or(0_u64);
        let last = (first + PAGE).min(self.claim.keys);
        let mut page = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
        for number in first..last {
            let ending = if number % self.claim.every == 0 { "parquet" } else { "json" };
            let size = self.claim.shard.len();
            page += &format!(
                "<Contents><Key>in/part-{number:09}.{ending}</Key><Size>{size}</Size>\
                 <LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>\"1\"</ETag></Contents>"
            );
        }
        if last < self.claim.keys {
            page += &format!("<NextContinuationToken>{last}</NextContinuationToken>");
        }
        page + "</ListBucketResult>"
    }

    fn object(&self, range: Option<(usize, usize)>) -> Response<Full<Bytes>> {
        let size = self.claim.shard.len();
        let (first, last) = range.unwrap_or((0, size - 1));
        let (first, last) = (first.min(size - 1), last.min(size - 1));
        let body = self.claim.shard.slice(first..=last.max(first));
        let answer = Response::builder().header(ETAG, "\"1\"").header(LAST_MODIFIED, DATE);
        let answer = match range {
            Some(_) => answer
                .status(StatusCode::PARTIAL_CONTENT)
                .header(CONTENT_RANGE, format!("bytes {first}-{last}/{size}")),
            None => answer,
        };
        answer.body(Full::new(body)).expect("the headers are sound")
    }
}

/// First and last byte of a range header.
fn bounds(header: &str) -> Option<(usize, usize)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
