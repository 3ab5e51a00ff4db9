//! An S3 server on this machine, as a process of its own: s3s-fs over a folder.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::arguments::ServeArguments;
use crate::error::BenchError;
use crate::files::text;

/// The only key; the server is on the loopback interface and ends with the measurement.
const KEY: &str = "taster-bench";

fn failed(detail: impl ToString) -> BenchError {
    BenchError::Child { what: "serve", detail: detail.to_string() }
}

/// Serves until the process is killed.
///
/// # Errors
/// No port; a folder that is not there.
pub fn run(arguments: &ServeArguments, runtime: &Handle) -> Result<bool, BenchError> {
    let files =
        s3s_fs::FileSystem::new(&arguments.folder).map_err(|error| failed(format!("{error:?}")))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(KEY, KEY));
    let delay = Duration::from_millis(arguments.delay);
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        println!("{}", listener.local_addr().map_err(failed)?);
        std::io::stdout().flush().map_err(failed)?;
        serve(listener, builder.build(), delay).await
    })
}

async fn serve(
    listener: TcpListener,
    service: S3Service,
    delay: Duration,
) -> Result<bool, BenchError> {
    loop {
        let (socket, _) = listener.accept().await.map_err(failed)?;
        let _ = socket.set_nodelay(true);
        let service = service.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let answer = Service::call(&service, request);
            async move {
                tokio::time::sleep(delay).await;
                answer.await
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), answer);
        tokio::spawn(async move {
            // A client that goes away concerns nobody.
            let _ = connection.await;
        });
    }
}

/// A server that ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    endpoint: String,
}

impl Server {
    /// Starts a server over `folder`, which waits `delay` milliseconds before every answer.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, delay: u64) -> Result<Self, BenchError> {
        let program = std::env::current_exe().map_err(failed)?;
        let line = ["serve".to_owned(), format!("--folder={}", text(folder)?)];
        let mut command = Command::new(program);
        command.args(line).arg(format!("--delay={delay}"));
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let child = command.spawn().map_err(failed)?;
        let mut server = Self { child, endpoint: String::new() };
        let mut address = String::new();
        if let Some(stdout) = server.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut address).map_err(failed)?;
        }
        if address.trim().is_empty() {
            return Err(failed("expected an address, got nothing"));
        }
        server.endpoint = format!("http://{}", address.trim());
        Ok(server)
    }

    /// What a client's environment needs.
    pub fn environment(&self) -> std::collections::BTreeMap<&'static str, String> {
        let variables = [
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ];
        variables.into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
