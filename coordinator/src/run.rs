//! A coordinator from its start to its end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use taster_planning::schedule::{AuditId, Event};
use taster_process::{Ending, Shutdown, Status, StatusPage};
use taster_storage::Store;
use taster_tasks::AuditFolder;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::blocking::blocking;
use crate::clerk::{Clerk, is_trouble};
use crate::configuration::Settings;
use crate::conversations::{Conversations, Terms};
use crate::desk::{Desk, NEWS, Note};
use crate::epoch::Epoch;
use crate::error::CoordinatorError;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::opening::{self, Found};
use crate::registry::Registry;
use crate::server::{Services, router, serve};
use crate::service::Audits;
use crate::submission::Intake;

/// Pause between two looks at the epoch.
const EPOCH_PAUSE: Duration = Duration::from_secs(2);
/// A look that takes longer makes the coordinator unready.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Audits that are read at the same time, at the start.
const READERS: usize = 8;
/// Longest wait for calls of the store that are under way, at the end.
const LAST_WAIT: Duration = Duration::from_millis(200);

/// What the status page tells.
struct Told {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Status for Told {
    fn metrics(&self) -> String {
        self.metrics.text()
    }

    fn unready(&self) -> Option<&'static str> {
        self.health.unready()
    }
}

/// Where a coordinator listens.
#[derive(Debug)]
pub struct Listeners {
    grpc: TcpListener,
    page: Option<TcpListener>,
}

impl Listeners {
    /// Binds the addresses of `settings`.
    ///
    /// # Errors
    /// [`CoordinatorError::Usage`] if others could reach an address that asks for nothing;
    /// [`CoordinatorError::Listen`].
    pub fn bind(settings: &Settings) -> Result<Self, CoordinatorError> {
        settings.security.check(settings.listen)?;
        let bind = |address: SocketAddr| {
            let bound = TcpListener::bind(address);
            bound.map_err(|source| CoordinatorError::Listen { address, source })
        };
        let page = settings.metrics_listen.map(bind).transpose()?;
        Ok(Self { grpc: bind(settings.listen)?, page })
    }

    /// Where gRPC is served, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// The operating system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Where the page of metrics is served.
    #[must_use]
    pub fn page_address(&self) -> Option<SocketAddr> {
        self.page.as_ref().and_then(|page| page.local_addr().ok())
    }
}

/// Coordinates until `shutdown` is wished for. Blocks.
///
/// # Errors
/// Another coordinator took over; the work store cannot be used at the start; certificates that
/// cannot be used.
pub fn run(
    settings: &Settings,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<Ending, CoordinatorError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| CoordinatorError::Internal(format!("no runtime: {e}")))?;
    let ended = runtime.block_on(coordinate(settings, listeners, shutdown));
    runtime.shutdown_timeout(LAST_WAIT);
    ended
}

async fn coordinate(
    settings: &Settings,
    listeners: Listeners,
    mut shutdown: Shutdown,
) -> Result<Ending, CoordinatorError> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let health = Arc::new(Health::new(reporter).await);
    let metrics = Metrics::new();
    if let Some(page) = listeners.page {
        let (metrics, health) = (Arc::clone(&metrics), Arc::clone(&health));
        let status = StatusPage::new(Told { metrics, health });
        tokio::spawn(async move { status.serve(page).await.map(|never| match never {}) });
    }
    let begun = tokio::select! {
        begun = Office::open(settings, metrics) => begun?,
        ending = shutdown.wished() => return Ok(ending),
    };
    let services = Services {
        audits: begun.audits(settings),
        conversations: begun.conversations(settings),
        health: health_service,
    };
    let router = router(services, &settings.security)?;
    let listener = asynchronous(listeners.grpc)?;
    let closed = begun.closed();
    let server = tokio::spawn(serve(router, listener, closed));
    health.serving().await;
    begun.serve(settings, server, &health, shutdown).await
}

fn asynchronous(listener: TcpListener) -> Result<tokio::net::TcpListener, CoordinatorError> {
    let listener = listener.set_nonblocking(true).map(|()| listener);
    let listener = listener.and_then(tokio::net::TcpListener::from_std);
    listener.map_err(|e| CoordinatorError::Internal(format!("the listener: {e}")))
}

type Ended = JoinHandle<Result<(), CoordinatorError>>;

/// What stands behind the services.
struct Office {
    clerk: Clerk,
    desk: JoinHandle<()>,
    /// Rung when the epoch may be lost.
    doubt: Arc<Notify>,
    closing: watch::Sender<bool>,
}

impl Office {
    /// Takes the epoch and finds all audits.
    async fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, CoordinatorError> {
        let (work, runtime) = (settings.work.clone(), Handle::current());
        let store = blocking(move || Store::open(&work, &runtime)).await?;
        let taken = store.clone();
        let epoch = blocking(move || Epoch::take(&taken)).await?;
        tracing::info!(epoch = epoch.number(), version = env!("CARGO_PKG_VERSION"), "epoch taken");
        metrics.epoch(epoch.number());
        let (news, notes) = mpsc::channel(NEWS);
        let registry = Arc::new(Registry::default());
        let clerk = Clerk { store, epoch, registry, metrics, desk: news };
        let desk = Desk::new(settings.schedule.clone(), clerk.clone());
        let desk = tokio::spawn(desk.run(notes));
        let (doubt, closing) = (Arc::new(Notify::new()), watch::Sender::new(false));
        let office = Self { clerk, desk, doubt, closing };
        office.find_audits().await?;
        Ok(office)
    }

    fn audits(&self, settings: &Settings) -> Audits {
        let Settings { allow, unit_bytes, segment_tokens, .. } = settings.clone();
        let intake = Intake { allow, unit_bytes, segment_tokens };
        Audits::new(self.clerk.clone(), intake, self.closing.subscribe())
    }

    fn conversations(&self, settings: &Settings) -> Conversations {
        let epoch = self.clerk.epoch.number();
        let told = (epoch, settings.schedule.lease, settings.work.clone());
        let (desk, doubt) = (self.clerk.desk.clone(), Arc::clone(&self.doubt));
        Conversations::new(Terms::new(told, desk, self.closing.subscribe(), doubt))
    }

    fn closed(&self) -> impl Future<Output = ()> + use<> {
        let mut closing = self.closing.subscribe();
        async move {
            // Without a sender there is nobody left to serve either.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// Serves until somebody wishes the end or there is no going on; then closes in time.
    async fn serve(
        self,
        settings: &Settings,
        mut server: Ended,
        health: &Health,
        mut shutdown: Shutdown,
    ) -> Result<Ending, CoordinatorError> {
        let mut desk = self.desk;
        let watching = watch_epoch(&self.clerk, health, &self.doubt);
        let ended = tokio::select! {
            ending = shutdown.wished() => Ok(ending),
            error = watching => Err(error),
            served = &mut server => Err(broken("the server", served.map(drop))),
            stopped = &mut desk => Err(broken("the scheduler", stopped)),
        };
        match &ended {
            Ok(_) => tracing::info!("ending: audits go on with the next coordinator"),
            Err(error) => tracing::error!(%error, "ending"),
        }
        health.draining().await;
        let deadline = settings.drain_deadline;
        let close = async {
            // A desk that has ended needs no word.
            let _ = self.clerk.desk.send(Note::Close).await;
            self.closing.send_replace(true);
            let _ = (&mut server).await;
        };
        if !server_ended(&ended) && timeout(deadline, close).await.is_err() {
            tracing::warn!(?deadline, "connections did not close in time");
        }
        ended
    }

    /// Opens every audit that has not ended, and lists the others.
    async fn find_audits(&self) -> Result<(), CoordinatorError> {
        let store = self.clerk.store.clone();
        let ids = self.clerk.insist("list", move || Ok(AuditFolder::list(&store)?)).await?;
        let places = Arc::new(Semaphore::new(READERS));
        let mut readers = JoinSet::new();
        for id in ids {
            let (clerk, places) = (self.clerk.clone(), Arc::clone(&places));
            readers.spawn(async move {
                let _place = places.acquire_owned().await;
                find_audit(&clerk, id).await;
            });
        }
        while readers.join_next().await.is_some() {}
        Ok(())
    }
}

/// An audit whose records are damaged is left alone: the others must go on. So is one whose tasks
/// another engine runs.
async fn find_audit(clerk: &Clerk, id: AuditId) {
    let (store, sought) = (clerk.store.clone(), id.clone());
    let find = move || {
        let found = opening::find(&store, &sought)?;
        let runs = found.as_ref().is_some_and(|found| found.plan.is_some());
        let elsewhere = runs && opening::is_run_elsewhere(&store, &sought)?;
        Ok::<_, CoordinatorError>(found.filter(|_| !elsewhere))
    };
    let found = clerk.insist("find", find).await;
    match found {
        Ok(None) => {}
        Ok(Some(Found { state, plan })) => {
            clerk.registry.insert(&id, state);
            if let Some(plan) = plan {
                tracing::info!(audit = id.0, stages = plan.complete.len(), "audit goes on");
                let _ = clerk.desk.send(Note::Event(Event::Opened { audit: id, plan })).await;
            }
        }
        Err(error) => tracing::error!(audit = id.0, %error, "audit left alone"),
    }
}

/// Returns when the epoch is lost. Trouble with the store is no reason to end.
async fn watch_epoch(clerk: &Clerk, health: &Health, doubt: &Notify) -> CoordinatorError {
    loop {
        let _ = timeout(EPOCH_PAUSE, doubt.notified()).await;
        let (epoch, store) = (clerk.epoch.clone(), clerk.store.clone());
        let mut look = std::pin::pin!(blocking(move || epoch.check(&store)));
        let looked = tokio::select! {
            looked = &mut look => looked,
            () = sleep(LOOK_TIMEOUT) => {
                health.store(false).await;
                look.await
            }
        };
        match looked {
            Ok(()) => health.store(true).await,
            Err(error @ CoordinatorError::Fenced { .. }) => return error,
            Err(error) => {
                if is_trouble(&error) {
                    clerk.metrics.store_request("epoch", "retried");
                }
                tracing::warn!(%error, "the epoch cannot be looked at");
                health.store(false).await;
            }
        }
    }
}

fn broken(what: &str, end: Result<(), tokio::task::JoinError>) -> CoordinatorError {
    let how = end.map_or_else(|error| error.to_string(), |()| "it ended".to_owned());
    CoordinatorError::Internal(format!("{what}: {how}"))
}

fn server_ended(ended: &Result<Ending, CoordinatorError>) -> bool {
    matches!(ended, Err(CoordinatorError::Internal(_)))
}
