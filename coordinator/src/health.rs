//! Whether the coordinator can be relied on now: for probes over HTTP and gRPC alike.

use std::sync::{Mutex, PoisonError};

use taster_proto::v1::audit_service_server::AuditServiceServer;
use taster_proto::v1::work_service_server::WorkServiceServer;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::conversations::Conversations;
use crate::service::Audits;

/// What readiness depends on.
#[derive(Debug)]
pub(crate) struct Health {
    reporter: HealthReporter,
    facts: Mutex<Facts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    serving: bool,
    store_lost: bool,
    draining: bool,
}

impl Facts {
    fn unready(self) -> Option<&'static str> {
        match self {
            Self { draining: true, .. } => Some("draining"),
            Self { serving: false, .. } => Some("starting"),
            Self { store_lost: true, .. } => Some("the work store cannot be reached"),
            _ => None,
        }
    }
}

impl Health {
    /// Not ready yet.
    pub(crate) async fn new(reporter: HealthReporter) -> Self {
        let health = Self { reporter, facts: Mutex::default() };
        health.tell().await;
        health
    }

    /// Why the coordinator cannot be relied on; `None` if it can.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).unready()
    }

    /// The epoch is taken and audits are known.
    pub(crate) async fn serving(&self) {
        self.change(|facts| facts.serving = true).await;
    }

    /// The work store answered, or did not.
    pub(crate) async fn store(&self, answers: bool) {
        self.change(|facts| facts.store_lost = !answers).await;
    }

    /// The coordinator is about to end.
    pub(crate) async fn draining(&self) {
        self.change(|facts| facts.draining = true).await;
    }

    async fn change(&self, change: impl FnOnce(&mut Facts)) {
        let changed = {
            let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
            let before = facts.unready();
            change(&mut facts);
            facts.unready() != before
        };
        if changed {
            self.tell().await;
        }
    }

    async fn tell(&self) {
        let unready = self.unready();
        let status =
            if unready.is_none() { ServingStatus::Serving } else { ServingStatus::NotServing };
        tracing::info!(ready = unready.is_none(), reason = unready.unwrap_or(""), "health");
        let audits = AuditServiceServer::<Audits>::NAME;
        for service in ["", audits, WorkServiceServer::<Conversations>::NAME] {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_17_readiness_tells_the_truth() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let told = runtime.map(|runtime| {
            runtime.block_on(async {
                let mut told = Vec::new();
                let health = Health::new(HealthReporter::new()).await;
                told.push(health.unready());
                health.serving().await;
                told.push(health.unready());
                health.store(false).await;
                told.push(health.unready());
                health.store(true).await;
                told.push(health.unready());
                health.draining().await;
                told.push(health.unready());
                told
            })
        });
        let lost = Some("the work store cannot be reached");
        let expected = vec![Some("starting"), None, lost, None, Some("draining")];
        assert_eq!(told.ok(), Some(expected));
    }
}
