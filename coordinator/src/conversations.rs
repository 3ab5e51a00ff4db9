//! Conversations with workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use taster_planning::schedule::{Event, WorkerId};
use taster_proto::v1::work_service_server::WorkService;
use taster_proto::v1::{ConverseRequest, ConverseResponse};
use taster_proto::{FORMATS, FromWorker, Hello, PROTOCOL, ToWorker};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::desk::{Note, Voice};

/// Longest wait for the first message.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// Conversations at the same time.
const MAX_CONVERSATIONS: usize = 10_000;
/// Leases without any message after which a conversation is ended.
const SILENT_LEASES: u32 = 4;
/// Messages that may wait for a worker: an assignment and a revocation for each of as many slots
/// as there may be.
const WAITING: usize = 2 * 4096 + 64;

type Answer = Result<ConverseResponse, Status>;

/// The service for workers.
#[derive(Debug, Clone)]
pub(crate) struct Conversations(Arc<Terms>);

/// What holds for every conversation.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) epoch: u64,
    pub(crate) lease: Duration,
    pub(crate) work: String,
    pub(crate) desk: mpsc::Sender<Note>,
    pub(crate) closing: watch::Receiver<bool>,
    /// Rung when a worker has heard of a higher epoch.
    pub(crate) doubt: Arc<Notify>,
    sessions: AtomicU64,
    places: Arc<Semaphore>,
}

impl Terms {
    /// Terms before the first conversation.
    pub(crate) fn new(
        (epoch, lease, work): (u64, Duration, String),
        desk: mpsc::Sender<Note>,
        closing: watch::Receiver<bool>,
        doubt: Arc<Notify>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(MAX_CONVERSATIONS));
        Self { epoch, lease, work, desk, closing, doubt, sessions: AtomicU64::new(1), places }
    }

    /// Why a worker is not wanted as it is.
    fn refusal(hello: &Hello) -> Option<String> {
        let Hello { protocol, formats, version, .. } = hello;
        if (*protocol, *formats) == (PROTOCOL, FORMATS) {
            return None;
        }
        Some(format!(
            "expected protocol {PROTOCOL} and formats {FORMATS} of taster-coordinator {}, got \
             protocol {protocol} and formats {formats} of taster-worker {version}",
            env!("CARGO_PKG_VERSION")
        ))
    }
}

impl Conversations {
    /// The service on these terms.
    pub(crate) fn new(terms: Terms) -> Self {
        Self(Arc::new(terms))
    }
}

#[tonic::async_trait]
impl WorkService for Conversations {
    type ConverseStream = ReceiverStream<Answer>;

    async fn converse(
        &self,
        request: Request<Streaming<ConverseRequest>>,
    ) -> Result<Response<Self::ConverseStream>, Status> {
        if *self.0.closing.borrow() {
            return Err(Status::unavailable("the coordinator is about to end"));
        }
        let place = Arc::clone(&self.0.places).try_acquire_owned();
        let place = place.map_err(|_| Status::resource_exhausted("too many workers"))?;
        let (terms, inbound) = (Arc::clone(&self.0), request.into_inner());
        let (answers, stream) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let _place = place;
            Listener { terms, inbound }.listen(answers).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Whoever listens to one worker.
struct Listener {
    terms: Arc<Terms>,
    inbound: Streaming<ConverseRequest>,
}

impl Listener {
    /// Listens until the conversation ends. `answers` leads to the worker.
    async fn listen(mut self, answers: mpsc::Sender<Answer>) {
        let hello = match timeout(HELLO_TIMEOUT, self.hear()).await {
            Ok(Ok(Some(FromWorker::Hello(hello)))) => hello,
            Ok(Ok(None)) => return,
            Ok(Err(status)) => return last_word(&answers, Err(status)),
            Ok(Ok(Some(_))) => {
                let status = Status::failed_precondition("expected a hello as the first message");
                return last_word(&answers, Err(status));
            }
            Err(_) => {
                let status = Status::deadline_exceeded("expected a hello within 10 s, got nothing");
                return last_word(&answers, Err(status));
            }
        };
        if let Some(reason) = Terms::refusal(&hello) {
            tracing::warn!(worker = hello.worker.0, reason, "worker refused");
            return last_word(&answers, Ok(ToWorker::Refused(reason).into()));
        }
        if hello.epoch > self.terms.epoch {
            self.terms.doubt.notify_one();
            let (ours, theirs) = (self.terms.epoch, hello.epoch);
            let status = format!("this coordinator has epoch {ours}, the worker heard {theirs}");
            return last_word(&answers, Err(Status::unavailable(status)));
        }
        self.seated(hello, answers).await;
    }

    async fn seated(mut self, hello: Hello, answers: mpsc::Sender<Answer>) {
        let Hello { worker, slots, .. } = hello;
        let session = self.terms.sessions.fetch_add(1, Ordering::Relaxed);
        let (kept, mut dismissed) = oneshot::channel();
        let Terms { epoch, lease, work, .. } = &*self.terms;
        let welcome = ToWorker::Welcome { epoch: *epoch, lease: *lease, work: work.clone() };
        // There is room for the first message.
        let _ = answers.try_send(Ok(welcome.into()));
        // From here on the desk's voice alone keeps the conversation open.
        let complain = answers.downgrade();
        let voice = Voice { out: answers, _kept: kept };
        let seated = Note::Seated { worker: worker.clone(), session, slots, voice };
        if self.terms.desk.send(seated).await.is_err() {
            return;
        }
        let end = tokio::select! {
            end = self.attend(&worker, session) => end,
            _ = &mut dismissed => Ok(()),
        };
        if let (Err(status), Some(out)) = (end, complain.upgrade()) {
            tracing::warn!(worker = worker.0, session, status = status.message(), "conversation");
            let _ = out.try_send(Err(status));
        }
        let _ = self.terms.desk.send(Note::Gone { worker, session }).await;
    }

    /// Tells the desk everything that the worker says.
    async fn attend(&mut self, worker: &WorkerId, session: u64) -> Result<(), Status> {
        let patience = self.terms.lease * SILENT_LEASES;
        loop {
            let heard = timeout(patience, self.hear()).await;
            let silent = |_| Status::deadline_exceeded(format!("expected a beat in {patience:?}"));
            let Some(message) = heard.map_err(silent)?? else {
                return Ok(());
            };
            let note =
                Note::Said { worker: worker.clone(), session, event: event(worker, message)? };
            if self.terms.desk.send(note).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn hear(&mut self) -> Result<Option<FromWorker>, Status> {
        let Some(message) = self.inbound.message().await? else {
            return Ok(None);
        };
        let message = FromWorker::try_from(message);
        message.map(Some).map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

fn event(worker: &WorkerId, message: FromWorker) -> Result<Event, Status> {
    let worker = worker.clone();
    match message {
        FromWorker::Beat => Ok(Event::Beat { worker }),
        FromWorker::Draining => Ok(Event::Draining { worker }),
        FromWorker::Finished { task, attempt, outcome } => {
            Ok(Event::Finished { worker, task, attempt, outcome })
        }
        FromWorker::Hello(_) => Err(Status::failed_precondition("expected one hello, got two")),
    }
}

fn last_word(answers: &mpsc::Sender<Answer>, answer: Answer) {
    let _ = answers.try_send(answer);
}
