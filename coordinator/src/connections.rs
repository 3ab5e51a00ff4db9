//! Connections: so many at a time, and none that does not speak.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Sleep, sleep};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Connections at the same time; more wait to be accepted.
const CONNECTIONS: usize = 4096;
/// Pause after an error to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for the first words of a connection. What follows is watched by the protocol's
/// own pings.
const SPEAK_TIMEOUT: Duration = Duration::from_secs(10);
/// Length of the first words of HTTP/2; those of TLS are longer.
const FIRST_WORDS: usize = 24;

/// Accepts connections for as long as the stream is read.
pub(crate) fn accept(listener: TcpListener) -> ReceiverStream<io::Result<Connection>> {
    let (accepted, stream) = mpsc::channel(1);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted,
                () = accepted.closed() => return,
            };
            let Ok((stream, _)) = stream else {
                sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Messages are small and each is waited for; without this they are only slower.
            let _ = stream.set_nodelay(true);
            if accepted.send(Ok(Connection::new(stream, place))).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(stream)
}

/// A connection that fails if it does not speak in time.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes read, up to [`FIRST_WORDS`], and until when they must be there.
    heard: usize,
    patience: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn new(stream: TcpStream, place: OwnedSemaphorePermit) -> Self {
        let patience = Some(Box::pin(sleep(SPEAK_TIMEOUT)));
        Self { stream, heard: 0, patience, _place: place }
    }

    fn heard(&mut self, bytes: usize) {
        self.heard = self.heard.saturating_add(bytes);
        if self.heard >= FIRST_WORDS {
            self.patience = None;
        }
    }

    fn silent(&mut self, context: &mut Context<'_>) -> bool {
        let patience = self.patience.as_mut();
        patience.is_some_and(|patience| patience.as_mut().poll(context).is_ready())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending if self.silent(context) => {
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            Poll::Ready(Ok(())) => {
                self.heard(buffer.filled().len() - before);
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
