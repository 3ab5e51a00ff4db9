//! An S3 server inside the test process: s3s-fs over a temporary folder.
//!
//! It checks signatures, honours create-only puts and lists keys in order. It ignores `If-Match`
//! on reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The key that the server accepts.
pub const ACCESS_KEY: &str = "TASTERTESTACCESS";
/// Its secret: a canary that must never appear in any output.
pub const SECRET_KEY: &str = "canary-secret-4f9b61d07c";

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    /// The buckets; removed when the server is dropped.
    _root: TempDir,
    runtime: Option<Runtime>,
}

impl S3Server {
    /// Starts a server on a free port of this machine, with these empty buckets.
    ///
    /// # Panics
    /// If it cannot.
    #[must_use]
    pub fn start(buckets: &[&str]) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        for bucket in buckets {
            std::fs::create_dir(root.path().join(bucket)).expect("a bucket is a folder");
        }
        let files = s3s_fs::FileSystem::new(root.path()).expect("the folder is there");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        // Bound before anything is told the address, so that no client can come too early.
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        runtime.spawn(serve(listener, builder.build()));
        Self { address, _root: root, runtime: Some(runtime) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a child process needs to reach it. Nothing is set in this process.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value));
        BTreeMap::from(variables)
    }

    /// Puts every file directly in `folder` below `prefix` of `bucket`.
    ///
    /// # Panics
    /// If that fails.
    pub fn upload(&self, bucket: &str, prefix: &str, folder: &Path) {
        let client = self.client(bucket);
        for entry in std::fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("the folder is readable").path();
            let name = path.file_name().and_then(|n| n.to_str()).expect("a name");
            let key = ObjectPath::from(format!("{prefix}/{name}"));
            let payload = PutPayload::from(std::fs::read(&path).expect("the file is readable"));
            let put = client.put(&key, payload);
            self.block_on(put).expect("the put succeeds");
        }
    }

    /// All objects below `prefix` of `bucket`, by what their keys have beyond it.
    ///
    /// # Panics
    /// If they cannot be read.
    #[must_use]
    pub fn download(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let client = self.client(bucket);
        let mut objects = BTreeMap::new();
        let root = ObjectPath::from(prefix);
        let listing = client.list(Some(&root)).map_ok(|meta| meta.location);
        let keys: Vec<_> = self.block_on(listing.try_collect()).expect("a listing");
        for key in keys {
            let object = self.block_on(async { client.get(&key).await?.bytes().await });
            let object = object.expect("the get succeeds").to_vec();
            let name = key.as_ref().trim_start_matches(prefix);
            objects.insert(name.trim_start_matches('/').to_owned(), object);
        }
        objects
    }

    fn client(&self, bucket: &str) -> Arc<AmazonS3> {
        let client = AmazonS3Builder::new()
            .with_endpoint(self.endpoint())
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .with_bucket_name(bucket);
        Arc::new(client.build().expect("the settings are complete"))
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("it runs until it is dropped");
        runtime.block_on(future)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    loop {
        // A client that has gone before it was accepted concerns nobody.
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        let _ = socket.set_nodelay(true);
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone());
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_back() {
        let server = S3Server::start(&["bucket"]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), b"1").unwrap();
        std::fs::write(folder.path().join("two"), b"22").unwrap();
        server.upload("bucket", "in/here", folder.path());
        let objects = server.download("bucket", "in/here");
        assert_eq!(objects["one"], b"1");
        assert_eq!(objects["two"], b"22");
        assert_eq!(objects.len(), 2);
    }
}
