//! The service for clients.

use std::sync::Arc;

use taster_planning::schedule::{AuditId, Ending, Event};
use taster_proto::v1::audit_service_server::AuditService;
use taster_proto::{audit_id, v1};
use taster_storage::Store;
use taster_tasks::SharedRequest;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Duration, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::blocking::blocking;
use crate::clerk::Clerk;
use crate::desk::Note;
use crate::opening;
use crate::refusal::{internal, refusal};
use crate::registry::{AuditState, Place};
use crate::submission::Intake;

/// Manifests that are frozen at the same time, and submissions that may wait for that.
const PREPARATIONS: usize = 4;
const WAITING_SUBMISSIONS: usize = 64;
/// Audits that run at the same time.
const MAX_RUNNING: usize = 1000;
/// Audits of one page, if nothing is said and at most.
const PAGE: i32 = 100;
const MAX_PAGE: i32 = 1000;
/// Longest wait until a cancellation is committed.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(30);
/// Larger reports are read where they are.
const REPORT_BYTES: u64 = 64 << 20;

/// The service for clients.
#[derive(Debug, Clone)]
pub(crate) struct Audits(Arc<Counter>);

/// What the service has at hand.
#[derive(Debug)]
pub(crate) struct Counter {
    clerk: Clerk,
    intake: Intake,
    closing: watch::Receiver<bool>,
    preparations: Semaphore,
    waiting: Semaphore,
}

type State = Result<v1::WatchResponse, Status>;

impl Audits {
    /// The service.
    pub(crate) fn new(clerk: Clerk, intake: Intake, closing: watch::Receiver<bool>) -> Self {
        let preparations = Semaphore::new(PREPARATIONS);
        let waiting = Semaphore::new(WAITING_SUBMISSIONS);
        Self(Arc::new(Counter { clerk, intake, closing, preparations, waiting }))
    }
}

impl Counter {
    /// Freezes the manifest and starts the audit, or finds it.
    async fn submit(&self, wire: v1::SubmitRequest) -> Result<v1::Audit, Status> {
        let (id, request) = self.intake.read(wire).map_err(Status::invalid_argument)?;
        let full = |_| Status::resource_exhausted("too many submissions at the same time");
        let _place = self.waiting.try_acquire().map_err(full)?;
        let known = self.clerk.registry.get(&id).is_some();
        if !known && self.clerk.registry.running().len() >= MAX_RUNNING {
            return Err(Status::resource_exhausted(format!("{MAX_RUNNING} audits run already")));
        }
        let _turn = self.preparations.acquire().await.map_err(internal)?;
        self.prepare(&id, request).await?;
        let state = self.adopt(&id).await?;
        tracing::info!(audit = id.0, shards = state.origin.shards, known, "audit submitted");
        Ok(state.message(&id.0))
    }

    async fn prepare(&self, id: &AuditId, request: SharedRequest) -> Result<(), Status> {
        let (folder, runtime) = (self.clerk.folder(id), Handle::current());
        let prepared = blocking(move || folder.prepare(&request, &runtime)).await;
        let outcome = if prepared.is_ok() { "ok" } else { "failed" };
        self.clerk.metrics.store_request("prepare", outcome);
        prepared.map(|_| ()).map_err(|error| refusal(&error))
    }

    /// The state of an audit that is committed; the desk hears of one that it does not know.
    async fn adopt(&self, id: &AuditId) -> Result<AuditState, Status> {
        if let Some(state) = self.clerk.registry.get(id) {
            return Ok(state);
        }
        let (store, sought) = (self.clerk.store.clone(), id.clone());
        let found = blocking(move || opening::find(&store, &sought)).await;
        let found = found.map_err(|error| refusal(&error))?.ok_or_else(|| unknown(id))?;
        if self.clerk.registry.insert(id, found.state.clone())
            && let Some(plan) = found.plan
        {
            self.tell(Event::Opened { audit: id.clone(), plan }).await?;
        }
        self.clerk.registry.get(id).ok_or_else(|| unknown(id))
    }

    async fn tell(&self, event: Event) -> Result<(), Status> {
        self.clerk.desk.send(Note::Event(event)).await.map_err(|_| about_to_end())
    }

    async fn cancel(&self, id: &AuditId) -> Result<v1::Audit, Status> {
        let mut states = self.follow(id)?;
        if states.borrow().ending.is_none() {
            tracing::info!(audit = id.0, "cancellation asked for");
            self.tell(Event::Cancelled { audit: id.clone() }).await?;
            let ended = states.wait_for(|state| state.ending.is_some());
            let ended = timeout(CANCEL_TIMEOUT, ended).await;
            let late = |_| Status::unavailable("the cancellation is not committed yet");
            let _ = ended.map_err(late)?.map_err(internal)?;
        }
        let state = states.borrow().clone();
        Ok(state.message(&id.0))
    }

    async fn report(&self, id: &AuditId) -> Result<Vec<u8>, Status> {
        let state = self.clerk.registry.get(id).ok_or_else(|| unknown(id))?;
        if state.ending != Some(Ending::Done) {
            return Err(Status::failed_precondition("expected an audit that is done"));
        }
        let (out, runtime) = (state.origin.out.clone(), Handle::current());
        let read = blocking(move || {
            let out = Store::open(&out, &runtime)?;
            let size = out.size("report.json")?;
            let fits = size.is_some_and(|size| size <= REPORT_BYTES);
            Ok::<_, taster_storage::StorageError>((
                size,
                if fits { out.get("report.json")? } else { None },
            ))
        });
        match read.await.map_err(|error| refusal(&error))? {
            (_, Some(bytes)) => Ok(bytes.to_vec()),
            (None, None) => Err(Status::not_found("report.json is no longer there")),
            (Some(size), None) => Err(Status::out_of_range(format!(
                "expected a report of at most {REPORT_BYTES} bytes, got {size}: read it from {}",
                state.origin.out
            ))),
        }
    }

    fn follow(&self, id: &AuditId) -> Result<watch::Receiver<AuditState>, Status> {
        self.clerk.registry.watch(id).ok_or_else(|| unknown(id))
    }

    /// Tells every state until the audit, the client or the coordinator ends.
    async fn tell_states(
        mut states: watch::Receiver<AuditState>,
        id: AuditId,
        told: mpsc::Sender<State>,
        mut closing: watch::Receiver<bool>,
    ) {
        loop {
            let state = states.borrow_and_update().clone();
            let audit = Some(state.message(&id.0));
            if told.send(Ok(v1::WatchResponse { audit })).await.is_err() || state.ending.is_some() {
                return;
            }
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                () = told.closed() => return,
                _ = closing.wait_for(|closing| *closing) => {
                    let _ = told.try_send(Err(about_to_end()));
                    return;
                }
            }
        }
    }
}

fn unknown(id: &AuditId) -> Status {
    Status::not_found(format!("expected an audit of this coordinator, got {id}"))
}

fn about_to_end() -> Status {
    Status::unavailable("the coordinator is about to end; the audit goes on with the next one")
}

fn named(id: String) -> Result<AuditId, Status> {
    audit_id(id).map_err(|error| Status::invalid_argument(error.to_string()))
}

#[tonic::async_trait]
impl AuditService for Audits {
    type WatchStream = ReceiverStream<State>;

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<v1::SubmitResponse>, Status> {
        if *self.0.closing.borrow() {
            return Err(about_to_end());
        }
        let (counter, wire) = (Arc::clone(&self.0), request.into_inner());
        // On its own, so that a client that goes away does not leave half a submission.
        let submitted = tokio::spawn(async move { counter.submit(wire).await });
        let audit = Some(submitted.await.map_err(internal)??);
        Ok(Response::new(v1::SubmitResponse { audit }))
    }

    async fn get(
        &self,
        request: Request<v1::GetRequest>,
    ) -> Result<Response<v1::GetResponse>, Status> {
        let id = named(request.into_inner().audit_id)?;
        let state = self.0.clerk.registry.get(&id).ok_or_else(|| unknown(&id))?;
        Ok(Response::new(v1::GetResponse { audit: Some(state.message(&id.0)) }))
    }

    async fn list(
        &self,
        request: Request<v1::ListRequest>,
    ) -> Result<Response<v1::ListResponse>, Status> {
        let v1::ListRequest { page_size, page_token } = request.into_inner();
        let size = if page_size <= 0 { PAGE } else { page_size.min(MAX_PAGE) };
        let wrong = || Status::invalid_argument("page_token: expected one from an answer");
        let after = match page_token.as_str() {
            "" => None,
            token => Some(Place::parse(token).ok_or_else(wrong)?),
        };
        let (audits, next) = self.0.clerk.registry.page(size as usize, after.as_ref());
        let next_page_token = next.map_or_else(String::new, |place| place.token());
        Ok(Response::new(v1::ListResponse { audits, next_page_token }))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let id = named(request.into_inner().audit_id)?;
        let states = self.0.follow(&id)?;
        let (told, stream) = mpsc::channel(4);
        tokio::spawn(Counter::tell_states(states, id, told, self.0.closing.clone()));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn cancel(
        &self,
        request: Request<v1::CancelRequest>,
    ) -> Result<Response<v1::CancelResponse>, Status> {
        let id = named(request.into_inner().audit_id)?;
        let audit = Some(self.0.cancel(&id).await?);
        Ok(Response::new(v1::CancelResponse { audit }))
    }

    async fn report(
        &self,
        request: Request<v1::ReportRequest>,
    ) -> Result<Response<v1::ReportResponse>, Status> {
        let id = named(request.into_inner().audit_id)?;
        let report_json = self.0.report(&id).await?;
        Ok(Response::new(v1::ReportResponse { report_json }))
    }
}
