//! The place where news of the conversation, ended tasks and the clock come together; it carries
//! out what the ledger orders.

use std::sync::Arc;
use std::time::{Duration, Instant};

use taster_planning::schedule::TaskKey;
use taster_process::{Ending, Shutdown};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{interval, timeout_at};

use crate::health::Health;
use crate::ledger::{Event, Ledger, Order};
use crate::link::{Greeting, News, Voice};
use crate::metrics::Metrics;
use crate::outcome;
use crate::slots::{Ended, Slots};

/// How often the ledger looks at the clock.
const TICK: Duration = Duration::from_millis(200);
/// Time that stopped tasks have to notice before they are given back without their consent.
const STOP_TIME: Duration = Duration::from_millis(400);

/// What a desk works with.
pub(crate) struct Desk {
    pub(crate) ledger: Ledger,
    pub(crate) slots: Slots,
    pub(crate) news: UnboundedReceiver<News>,
    pub(crate) ended: UnboundedReceiver<Ended>,
    /// Instead of the work store that the coordinator names.
    pub(crate) own_work: Option<Arc<str>>,
    pub(crate) drain_deadline: Duration,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    /// The moment from which the ledger's time is counted.
    pub(crate) began: Instant,
    /// The present conversation.
    pub(crate) voice: Option<Voice>,
    /// The work store of the present or last conversation.
    pub(crate) work: Option<Arc<str>>,
}

impl Desk {
    /// Works until somebody wishes the end and what runs has ended or been given back.
    pub(crate) async fn run(&mut self, mut shutdown: Shutdown) -> Ending {
        let ending = tokio::select! {
            ending = shutdown.wished() => ending,
            () = self.work() => Ending::Infrastructure,
        };
        self.drain().await;
        ending
    }

    async fn work(&mut self) {
        let mut ticks = interval(TICK);
        loop {
            tokio::select! {
                Some(news) = self.news.recv() => self.hear(news),
                Some(ended) = self.ended.recv() => self.end(ended),
                _ = ticks.tick() => self.note(Event::Tick),
            }
        }
    }

    /// Lets tasks finish, then stops them, then gives them back.
    async fn drain(&mut self) {
        let deadline = tokio::time::Instant::now() + self.drain_deadline;
        tracing::info!(running = self.ledger.busy(), "draining");
        self.health.draining();
        // First, so that what is given back is not followed by something else.
        if let Some(voice) = &self.voice {
            voice.draining();
        }
        self.note(Event::Draining);
        // Without a conversation there is nobody to finish for.
        let _ = timeout_at(deadline, self.work_while(|desk| desk.voice.is_some())).await;
        self.note(Event::Deadline);
        let stopped = tokio::time::Instant::now() + STOP_TIME;
        let _ = timeout_at(stopped, self.work_while(|_| true)).await;
        self.note(Event::Abandoned);
        self.voice = None;
    }

    async fn work_while(&mut self, condition: impl Fn(&Self) -> bool) {
        while !self.ledger.is_idle() && condition(self) {
            tokio::select! {
                Some(news) = self.news.recv() => self.hear(news),
                Some(ended) = self.ended.recv() => self.end(ended),
            }
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Opened(greeting, voice) => self.opened(greeting, voice),
            News::Assigned(task, attempt) => {
                tracing::debug!(%task, attempt, "assigned");
                self.note(Event::Assigned(task, attempt));
            }
            News::Revoked(task, attempt) => {
                tracing::debug!(%task, attempt, "revoked");
                self.note(Event::Revoked(task, attempt));
            }
            News::Lost => {
                self.voice = None;
                self.note(Event::Lost);
            }
        }
    }

    fn opened(&mut self, greeting: Greeting, voice: Voice) {
        let work = self.own_work.clone().unwrap_or_else(|| greeting.work.into());
        let same_work = self.work.as_ref().is_none_or(|before| *before == work);
        self.work = Some(work);
        self.voice = Some(voice);
        self.note(Event::Opened { lease: greeting.lease, same_work });
    }

    fn end(&mut self, ended: Ended) {
        let Ended { task, outcome, took } = ended;
        self.slots.forget(&task);
        self.health.ended(&outcome);
        self.metrics.ended(task.stage, &outcome, took);
        let (name, seconds) = (outcome::name(&outcome), took.as_secs_f64());
        match outcome::reason(&outcome) {
            Some(reason) => tracing::warn!(%task, outcome = name, reason, seconds, "task ended"),
            None => {
                let reused = outcome::found_done(&outcome);
                tracing::debug!(%task, outcome = name, reused, seconds, "task ended");
            }
        }
        self.note(Event::Ended(task, outcome));
    }

    /// Tells the ledger and does what it says.
    fn note(&mut self, event: Event) {
        for order in self.ledger.handle(event, self.began.elapsed()) {
            match order {
                Order::Start(task) => self.start(task),
                Order::Stop(task) => self.slots.stop(&task),
                Order::Report(task, attempt, outcome) => {
                    if let Some(voice) = &self.voice {
                        voice.finished(task, attempt, outcome);
                    }
                }
            }
        }
        self.metrics.busy(self.ledger.busy());
    }

    fn start(&mut self, task: TaskKey) {
        // The ledger starts only what was assigned, and a greeting comes before assignments.
        if let Some(work) = &self.work {
            self.slots.start(task, Arc::clone(work));
        }
    }
}
