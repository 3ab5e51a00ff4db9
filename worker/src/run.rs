//! A worker from its start to its end.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taster_planning::schedule::WorkerId;
use taster_process::{Ending, Shutdown, Status, StatusPage};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::audits::AuditRunner;
use crate::backoff::Backoff;
use crate::configuration::Settings;
use crate::desk::Desk;
use crate::error::WorkerError;
use crate::health::Health;
use crate::ledger::Ledger;
use crate::link::{Link, News};
use crate::metrics::Metrics;
use crate::runner::TaskRunner;
use crate::slots::{Ended, Slots};

/// Longest wait for the last words after everything has ended: more than the link's own patience.
const CLOSING_TIMEOUT: Duration = Duration::from_millis(500);

/// Binds the page of metrics; `None` if it is off.
///
/// # Errors
/// The address cannot be used.
pub fn listen(settings: &Settings) -> Result<Option<TcpListener>, WorkerError> {
    let bind = |address| {
        TcpListener::bind(address).map_err(|source| WorkerError::Listen { address, source })
    };
    settings.metrics_listen.map(bind).transpose()
}

/// Runs tasks until `shutdown`, and says how the process should end. Blocks.
///
/// Stores connect on `storage`, which must be driven by threads of its own. When this returns, a
/// task that ignores its stop flag may still run: the process should end.
///
/// # Errors
/// The coordinator refuses this worker or could not be reached for too long, or the operating
/// system refuses a thread.
pub fn run(
    settings: &Settings,
    storage: &Handle,
    page: Option<TcpListener>,
    shutdown: Shutdown,
) -> Result<Ending, WorkerError> {
    let runner = AuditRunner::new(settings.resources.clone(), storage.clone());
    run_with(settings, Arc::new(runner), page, shutdown)
}

/// Like [`run`], with another body for the tasks.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    settings: &Settings,
    runner: Arc<dyn TaskRunner>,
    page: Option<TcpListener>,
    shutdown: Shutdown,
) -> Result<Ending, WorkerError> {
    let internal = |what: &str| WorkerError::Internal(format!("the conversation: {what}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| internal(&error.to_string()))?;
    let parts = Parts::new(settings, &runner)?;
    // A thread and a runtime of their own: neither tasks nor stores can delay a beat.
    let converse = move || runtime.block_on(parts.run(page, shutdown));
    let thread = std::thread::Builder::new().name("conversation".into()).spawn(converse);
    let thread = thread.map_err(|error| internal(&error.to_string()))?;
    thread.join().map_err(|_| internal("it panicked"))?
}

/// What stands on the conversation's thread.
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

struct Parts {
    link: Link,
    desk: Desk,
    page: StatusPage<Told>,
    close: watch::Sender<bool>,
}

impl Parts {
    fn new(settings: &Settings, runner: &Arc<dyn TaskRunner>) -> Result<Self, WorkerError> {
        let slots = settings.resources.threads;
        let (metrics, health) = (Metrics::new(slots), Arc::new(Health::default()));
        let (tell, news) = mpsc::unbounded_channel();
        let (close, closing) = watch::channel(false);
        let desk = desk(settings, runner, news, (&health, &metrics))?;
        // Ordered by time and unique by chance: a replaced pod is never taken for its successor.
        let identity = Uuid::now_v7();
        let link = Link {
            coordinator: settings.coordinator.clone(),
            give_up_after: settings.give_up_after,
            worker: WorkerId(identity.to_string()),
            slots,
            backoff: Backoff::new(identity.as_u64_pair().1),
            news: tell,
            closing,
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            epoch: None,
            alone_since: tokio::time::Instant::now(),
        };
        Ok(Self { link, desk, page: StatusPage::new(Told { metrics, health }), close })
    }

    async fn run(
        self,
        page: Option<TcpListener>,
        shutdown: Shutdown,
    ) -> Result<Ending, WorkerError> {
        let Self { link, mut desk, page: status, close } = self;
        let serving = async {
            match page {
                Some(listener) => status.serve(listener).await.map(|never| match never {}),
                None => std::future::pending().await,
            }
        };
        let mut link = std::pin::pin!(link.run());
        let ending = tokio::select! {
            parted = &mut link => parted.map(|()| Ending::Infrastructure),
            ending = desk.run(shutdown) => Ok(ending),
            Err(error) = serving => Err(WorkerError::Internal(format!("the status page: {error}"))),
        }?;
        // The link says what is left to say, and goes.
        close.send_replace(true);
        let _ = tokio::time::timeout(CLOSING_TIMEOUT, link).await;
        Ok(ending)
    }
}

fn desk(
    settings: &Settings,
    runner: &Arc<dyn TaskRunner>,
    news: mpsc::UnboundedReceiver<News>,
    (health, metrics): (&Arc<Health>, &Arc<Metrics>),
) -> Result<Desk, WorkerError> {
    let slots = settings.resources.threads;
    let (tell, ended) = mpsc::unbounded_channel::<Ended>();
    Ok(Desk {
        ledger: Ledger::new(slots),
        slots: Slots::open(slots, runner, &tell)?,
        news,
        ended,
        own_work: settings.work.as_deref().map(Into::into),
        drain_deadline: settings.drain_deadline,
        health: Arc::clone(health),
        metrics: Arc::clone(metrics),
        began: Instant::now(),
        voice: None,
        work: None,
    })
}
