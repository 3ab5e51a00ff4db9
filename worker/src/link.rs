//! One conversation after the other with a coordinator: dial, greet, beat, notice silence, wait,
//! dial again.
//!
//! The coordinator answers nothing to a beat. So that the worker knows by its own clock that it is
//! still heard, it asks the coordinator's health service as often as it beats; any answer of a
//! server counts, and so does any message in the conversation.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use taster_planning::schedule::{Outcome, TaskKey, WorkerId};
use taster_proto::v1::work_service_client::WorkServiceClient;
use taster_proto::v1::{ConverseRequest, ConverseResponse};
use taster_proto::{Dial, FORMATS, FromWorker, Hello, PROTOCOL, ToWorker};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::backoff::Backoff;
use crate::dial::{Line, dial, no_answer};
use crate::error::WorkerError;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::parting::Parting;

/// Beats, and questions whether the coordinator is there, per lease.
const BEATS_PER_LEASE: u32 = 5;
/// Longest wait for a connection and the greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(15);
/// Patience never cuts that wait below this: a real answer tells more than its absence.
const LEAST_GREETING_TIMEOUT: Duration = Duration::from_secs(1);
/// A conversation that lasts this long ends the growth of waits.
const STABLE: Duration = Duration::from_secs(5);
/// Longest wait until the last words are taken.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(300);
/// The coordinator's messages are tiny.
const MESSAGE_BYTES: usize = 64 << 10;

/// A coordinator's greeting.
#[derive(Debug, Clone)]
pub(crate) struct Greeting {
    /// Rises with every coordinator process on one work prefix.
    pub(crate) epoch: u64,
    /// Silence after which attempts are void.
    pub(crate) lease: Duration,
    /// Folder or URL of the work store.
    pub(crate) work: String,
}

/// What the desk hears.
#[derive(Debug)]
pub(crate) enum News {
    /// A conversation began.
    Opened(Greeting, Voice),
    /// The coordinator wants a task run.
    Assigned(TaskKey, u32),
    /// The coordinator does not want an attempt any more.
    Revoked(TaskKey, u32),
    /// The conversation ended.
    Lost,
}

/// The worker's side of a conversation. What it says after the end is lost.
///
/// Unbounded, because each message answers one of the coordinator's, or is a beat: what piles up
/// is limited by what it asked for and by the lease.
#[derive(Debug, Clone)]
pub(crate) struct Voice(mpsc::UnboundedSender<ConverseRequest>);

impl Voice {
    /// A task ended.
    pub(crate) fn finished(&self, task: TaskKey, attempt: u32, outcome: Outcome) {
        self.say(FromWorker::Finished { task, attempt, outcome });
    }

    /// No more tasks are wanted.
    pub(crate) fn draining(&self) {
        self.say(FromWorker::Draining);
    }

    fn say(&self, message: FromWorker) {
        // Whoever finds the conversation ended hears so from the link.
        let _ = self.0.send(message.into());
    }
}

/// A worker's connection with whichever coordinator is there.
pub(crate) struct Link {
    pub(crate) coordinator: Dial,
    pub(crate) give_up_after: Option<Duration>,
    /// The worker's identity, fresh for each process.
    pub(crate) worker: WorkerId,
    pub(crate) slots: usize,
    pub(crate) backoff: Backoff,
    pub(crate) news: mpsc::UnboundedSender<News>,
    pub(crate) closing: watch::Receiver<bool>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    /// The highest epoch heard; `None` before the first greeting.
    pub(crate) epoch: Option<u64>,
    /// When the last conversation ended, or the worker began.
    pub(crate) alone_since: Instant,
}

/// A conversation that has begun.
struct Conversation {
    channel: Channel,
    greeting: Greeting,
    voice: Voice,
    inbound: Streaming<ConverseResponse>,
}

impl Link {
    /// Converses until `closing` is set.
    ///
    /// # Errors
    /// The coordinator refuses this worker, or could not be reached for too long.
    pub(crate) async fn run(mut self) -> Result<(), WorkerError> {
        loop {
            let began = Instant::now();
            let (parting, opened) = self.converse().await;
            if opened {
                self.alone_since = Instant::now();
                if began.elapsed() >= STABLE {
                    self.backoff.reset();
                }
            }
            if let Some(end) = self.end(&parting) {
                return end;
            }
            let wait = self.backoff.next().min(self.patience());
            tracing::warn!(reason = %parting, wait_seconds = wait.as_secs_f64(), "no conversation");
            if until_closing(&mut self.closing, sleep(wait)).await.is_none() {
                return Ok(());
            }
            // With the reason at hand: another attempt would have no time to find it.
            if let Some(end) = self.end(&parting) {
                return end;
            }
        }
    }

    /// Whether this parting is the last one.
    fn end(&self, parting: &Parting) -> Option<Result<(), WorkerError>> {
        match parting {
            Parting::Closed => Some(Ok(())),
            Parting::Refused(reason) => Some(Err(WorkerError::Refused(reason.clone()))),
            // Later on, the coordinator's and this worker's token may be about to be replaced.
            Parting::Denied(reason) if self.epoch.is_none() => {
                Some(Err(WorkerError::Denied(reason.clone())))
            }
            other => {
                let after =
                    self.give_up_after.filter(|after| self.alone_since.elapsed() >= *after)?;
                let uri = self.coordinator.url.clone();
                Some(Err(WorkerError::Unreachable { uri, after, last: other.to_string() }))
            }
        }
    }

    /// How long to try on.
    fn patience(&self) -> Duration {
        let left = |after: Duration| after.saturating_sub(self.alone_since.elapsed());
        self.give_up_after.map_or(Duration::MAX, left)
    }

    /// One conversation, and whether it had begun.
    async fn converse(&mut self) -> (Parting, bool) {
        let mut closing = self.closing.clone();
        let opened = match until_closing(&mut closing, self.open()).await {
            None => return (Parting::Closed, false),
            Some(Err(parting)) => return (parting, false),
            Some(Ok(opened)) => opened,
        };
        self.opened(&opened);
        let parting = opened.listen(&self.news, &mut closing).await;
        self.health.connected(false);
        self.metrics.parted(matches!(parting, Parting::Silent));
        // The desk hears nothing any more once it has ended.
        let _ = self.news.send(News::Lost);
        (parting, true)
    }

    async fn open(&self) -> Result<Conversation, Parting> {
        let most = self.patience().clamp(LEAST_GREETING_TIMEOUT, GREETING_TIMEOUT);
        let greeted = async { self.greet(dial(&self.coordinator).await?).await };
        let conversation = timeout(most, greeted).await.map_err(|_| no_answer(most))??;
        let (expected, got) = (self.epoch.unwrap_or(0), conversation.greeting.epoch);
        if got < expected {
            return Err(Parting::Replaced { expected, got });
        }
        Ok(conversation)
    }

    async fn greet(&self, line: Line) -> Result<Conversation, Parting> {
        let (say, said) = mpsc::unbounded_channel();
        let voice = Voice(say);
        voice.say(FromWorker::Hello(self.hello()));
        let mut request = Request::new(UnboundedReceiverStream::new(said));
        if let Some(authorization) = line.authorization {
            request.metadata_mut().insert("authorization", authorization);
        }
        let mut client =
            WorkServiceClient::new(line.channel.clone()).max_decoding_message_size(MESSAGE_BYTES);
        let mut inbound = client.converse(request).await?.into_inner();
        let first = inbound.message().await?.ok_or_else(broke_off)?;
        let greeting = greeting(first)?;
        Ok(Conversation { channel: line.channel, greeting, voice, inbound })
    }

    fn hello(&self) -> Hello {
        Hello {
            worker: self.worker.clone(),
            protocol: PROTOCOL,
            formats: FORMATS,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            slots: u32::try_from(self.slots).unwrap_or(u32::MAX),
            epoch: self.epoch.unwrap_or(0),
        }
    }

    fn opened(&mut self, conversation: &Conversation) {
        let greeting = &conversation.greeting;
        tracing::info!(
            worker = %self.worker,
            epoch = greeting.epoch,
            lease_seconds = greeting.lease.as_secs_f64(),
            "conversation begins"
        );
        self.metrics.opened(self.epoch.is_none());
        self.health.connected(true);
        self.epoch = Some(greeting.epoch);
        let _ = self.news.send(News::Opened(greeting.clone(), conversation.voice.clone()));
    }
}

impl Conversation {
    /// Passes on what is heard until the end.
    async fn listen(
        self,
        news: &mpsc::UnboundedSender<News>,
        closing: &mut watch::Receiver<bool>,
    ) -> Parting {
        let Self { channel, greeting, voice, mut inbound } = self;
        let heard = Cell::new(Instant::now());
        let ended = tokio::select! {
            parting = wishes(&mut inbound, news, &heard) => Some(parting),
            () = silence(channel, greeting.lease, &heard) => Some(Parting::Silent),
            () = beats(voice, greeting.lease) => None,
            _ = closing.wait_for(|closing| *closing) => None,
        };
        // Nobody can speak any more: the stream ends after the last words, which the coordinator
        // takes before it ends its own.
        match ended {
            Some(parting) => parting,
            None => {
                let _ = timeout(FAREWELL_TIMEOUT, rest(&mut inbound)).await;
                Parting::Closed
            }
        }
    }
}

/// Passes on what the coordinator wants, until it breaks off.
async fn wishes(
    inbound: &mut Streaming<ConverseResponse>,
    news: &mpsc::UnboundedSender<News>,
    heard: &Cell<Instant>,
) -> Parting {
    loop {
        let wish = match inbound.message().await {
            Ok(Some(message)) => wish(message),
            Ok(None) => Err(broke_off()),
            Err(status) => Err(status.into()),
        };
        heard.set(Instant::now());
        match wish {
            Ok(wish) => drop(news.send(wish)),
            Err(parting) => return parting,
        }
    }
}

/// Reads the answer to the hello.
fn greeting(response: ConverseResponse) -> Result<Greeting, Parting> {
    match ToWorker::try_from(response)? {
        ToWorker::Welcome { epoch, lease, work } => Ok(Greeting { epoch, lease, work }),
        ToWorker::Refused(reason) => Err(Parting::Refused(reason)),
        ToWorker::Assign { .. } | ToWorker::Revoke { .. } => {
            Err(Parting::Broken("expected welcome or refused first, got another message".into()))
        }
    }
}

/// Reads a later message.
fn wish(response: ConverseResponse) -> Result<News, Parting> {
    match ToWorker::try_from(response)? {
        ToWorker::Assign { task, attempt } => Ok(News::Assigned(task, attempt)),
        ToWorker::Revoke { task, attempt } => Ok(News::Revoked(task, attempt)),
        ToWorker::Refused(reason) => Err(Parting::Refused(reason)),
        ToWorker::Welcome { .. } => {
            Err(Parting::Broken("expected one welcome, got a second one".into()))
        }
    }
}

/// Says that the worker lives, as long as there is somebody to say it to.
async fn beats(voice: Voice, lease: Duration) {
    let mut ticks = interval(lease / BEATS_PER_LEASE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        voice.say(FromWorker::Beat);
    }
}

/// Returns when nothing has been heard for a lease.
async fn silence(channel: Channel, lease: Duration, heard: &Cell<Instant>) {
    let mut client = HealthClient::new(channel);
    loop {
        sleep(lease / BEATS_PER_LEASE).await;
        let question = client.check(HealthCheckRequest::default());
        match timeout_at(heard.get() + lease, question).await {
            Ok(answer) if is_answer(answer.as_ref().err()) => heard.set(Instant::now()),
            // A message may have come while the question was pending.
            _ if heard.get().elapsed() < lease => {}
            _ => return,
        }
    }
}

/// Whether a server answered, be it that it has no health service or does not tell. Other codes
/// are also what the transport says when there is nobody.
fn is_answer(error: Option<&Status>) -> bool {
    error.is_none_or(|status| {
        matches!(
            status.code(),
            Code::Unimplemented | Code::NotFound | Code::Unauthenticated | Code::PermissionDenied
        )
    })
}

/// Hears the other side out, so that it has taken what was said.
async fn rest(inbound: &mut Streaming<ConverseResponse>) {
    while let Ok(Some(_)) = inbound.message().await {}
}

async fn until_closing<T>(
    closing: &mut watch::Receiver<bool>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        _ = closing.wait_for(|closing| *closing) => None,
    }
}

fn broke_off() -> Parting {
    Parting::Broken("the coordinator ended the conversation".into())
}
