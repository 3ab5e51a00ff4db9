//! A coordinator that says what a test tells it, on a port of its own.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use taster_proto::v1::converse_request::Message as Said;
use taster_proto::v1::converse_response::Message as Heard;
use taster_proto::v1::work_service_server::{WorkService, WorkServiceServer};
use taster_proto::v1::{
    Assign, ConverseRequest, ConverseResponse, Finished, Hello, Refused, Revoke, Task, Welcome,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

/// Longer than anything should take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server for the time of a test.
pub struct Coordinator {
    pub address: SocketAddr,
    conversations: Receiver<Conversation>,
    _runtime: Runtime,
}

/// What a coordinator asks for.
#[derive(Default)]
pub struct Demands {
    pub tls: Option<ServerTlsConfig>,
    pub token: Option<String>,
}

impl Coordinator {
    pub fn start() -> Self {
        Self::demanding(Demands::default())
    }

    pub fn demanding(demands: Demands) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (tell, conversations) = channel();
        let service = WorkServiceServer::new(Script { tell, token: demands.token });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let (_, health) = tonic_health::server::health_reporter();
        runtime.spawn(async move {
            let mut server = Server::builder();
            if let Some(tls) = demands.tls {
                server = server.tls_config(tls).unwrap();
            }
            let server = server.add_service(service).add_service(health);
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, conversations, _runtime: runtime }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next worker that says hello.
    pub fn accept(&self) -> Conversation {
        self.conversations.recv_timeout(PATIENCE).expect("a worker says hello")
    }

    /// Nobody says hello for so long.
    pub fn stays_alone(&self, time: Duration) {
        assert!(self.conversations.recv_timeout(time).is_err(), "a worker said hello");
    }

    /// The next worker, welcomed.
    pub fn welcome(&self, epoch: u64, lease: Duration) -> Conversation {
        let mut conversation = self.accept();
        conversation.welcome(epoch, lease);
        conversation
    }
}

struct Script {
    tell: Sender<Conversation>,
    token: Option<String>,
}

#[tonic::async_trait]
impl WorkService for Script {
    type ConverseStream = UnboundedReceiverStream<Result<ConverseResponse, Status>>;

    async fn converse(
        &self,
        request: Request<Streaming<ConverseRequest>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        if let Some(token) = &self.token {
            let given = request.metadata().get("authorization").and_then(|v| v.to_str().ok());
            if given != Some(&format!("Bearer {token}")) {
                return Err(Status::unauthenticated("wrong token"));
            }
        }
        let mut inbound = request.into_inner();
        let Some(Said::Hello(hello)) = inbound.message().await?.and_then(|m| m.message) else {
            return Err(Status::invalid_argument("expected hello"));
        };
        let (say, outbound) = unbounded_channel();
        let (hear, said) = channel();
        let conversation = Conversation { hello, say: Some(say.downgrade()), said, beats: vec![] };
        self.tell.send(conversation).unwrap();
        tokio::spawn(async move {
            // The only strong sender: the conversation ends when the worker has ended its side.
            let say = say;
            while let Ok(Some(ConverseRequest { message: Some(message) })) = inbound.message().await
            {
                if hear.send((Instant::now(), message)).is_err() {
                    break;
                }
            }
            drop(say);
        });
        Ok(Response::new(UnboundedReceiverStream::new(outbound)))
    }
}

type Say = tokio::sync::mpsc::WeakUnboundedSender<Result<ConverseResponse, Status>>;

/// One worker's conversation, from the coordinator's side. Dropping it hangs up.
pub struct Conversation {
    pub hello: Hello,
    say: Option<Say>,
    said: Receiver<(Instant, Said)>,
    /// When the worker beat.
    pub beats: Vec<Instant>,
}

pub fn task(index: u32) -> Task {
    Task { audit_id: "audit-1".into(), generation: 0, stage: "count".into(), index }
}

impl Conversation {
    pub fn say(&self, message: Heard) {
        let say: Option<UnboundedSender<_>> = self.say.as_ref().and_then(Say::upgrade);
        say.unwrap().send(Ok(ConverseResponse { message: Some(message) })).unwrap();
    }

    pub fn welcome(&mut self, epoch: u64, lease: Duration) {
        self.welcome_at(epoch, lease, "work");
    }

    pub fn welcome_at(&mut self, epoch: u64, lease: Duration, work: &str) {
        let lease_millis = lease.as_millis() as u32;
        self.say(Heard::Welcome(Welcome { epoch, lease_millis, work: work.into() }));
    }

    pub fn refuse(&self, reason: &str) {
        self.say(Heard::Refused(Refused { reason: reason.into() }));
    }

    pub fn assign(&self, index: u32, attempt: u32) {
        self.say(Heard::Assign(Assign { task: Some(task(index)), attempt }));
    }

    pub fn revoke(&self, index: u32, attempt: u32) {
        self.say(Heard::Revoke(Revoke { task: Some(task(index)), attempt }));
    }

    /// Ends the conversation from this side.
    pub fn hang_up(self) {
        if let Some(say) = self.say.as_ref().and_then(Say::upgrade) {
            let _ = say.send(Err(Status::unavailable("going away")));
        }
    }

    /// What the worker says next beside beats; `None` if it ends its side.
    pub fn next(&mut self) -> Option<Said> {
        self.next_within(PATIENCE).expect("the worker says something")
    }

    /// As [`Self::next`]; `Err` if there are beats only.
    pub fn next_within(&mut self, time: Duration) -> Result<Option<Said>, RecvTimeoutError> {
        let until = Instant::now() + time;
        loop {
            match self.said.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok((at, Said::Beat(_))) => self.beats.push(at),
                Ok((_, message)) => return Ok(Some(message)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => return Err(RecvTimeoutError::Timeout),
            }
        }
    }

    /// The next end of a task.
    pub fn finished(&mut self) -> Finished {
        match self.next() {
            Some(Said::Finished(finished)) => finished,
            other => panic!("expected the end of a task, got {other:?}"),
        }
    }

    /// The worker says nothing but beats for so long.
    pub fn only_beats(&mut self, time: Duration) {
        let next = self.next_within(time);
        assert!(next.is_err(), "expected beats, got {next:?}");
    }
}
