//! Whether the worker is of use at the moment. Set by link and desk, read by the status page.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use taster_planning::schedule::Outcome;

/// Tasks in a row that had trouble with the store before the worker says that it is not ready.
const TROUBLES: u32 = 5;

/// What readiness depends on.
#[derive(Debug, Default)]
pub(crate) struct Health {
    connected: AtomicBool,
    draining: AtomicBool,
    troubles: AtomicU32,
}

impl Health {
    /// A conversation began or ended.
    pub(crate) fn connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// The worker takes no more tasks.
    pub(crate) fn draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A task ended. What says nothing about the store changes nothing.
    pub(crate) fn ended(&self, outcome: &Outcome) {
        match outcome {
            Outcome::Trouble(_) => {
                self.troubles.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Done(_) | Outcome::BadShard(_) => self.troubles.store(0, Ordering::Relaxed),
            Outcome::Failed(_) | Outcome::Released => {}
        }
    }

    /// Why the worker is of no use now; `None` if it is.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Some("draining");
        }
        if !self.connected.load(Ordering::Relaxed) {
            return Some("no conversation with a coordinator");
        }
        let troubled = self.troubles.load(Ordering::Relaxed) >= TROUBLES;
        troubled.then_some("the last tasks all had trouble with the store")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_planning::schedule::Facts;

    #[test]
    fn row_5_trouble_in_a_row_makes_unready_and_one_success_ready_again() {
        let health = Health::default();
        assert!(health.unready().is_some());
        health.connected(true);
        assert_eq!(health.unready(), None);
        for _ in 0..TROUBLES {
            assert_eq!(health.unready(), None);
            health.ended(&Outcome::Trouble("x".into()));
            health.ended(&Outcome::Released);
        }
        assert!(health.unready().is_some());
        health.ended(&Outcome::Done(Facts::default()));
        assert_eq!(health.unready(), None);
        health.draining();
        assert_eq!(health.unready(), Some("draining"));
    }
}
