//! How far audits are, for clients. One way only: a coordinator learns nothing from clients.

use taster_planning::schedule::{Ending, StageView};

use crate::v1;

impl From<&StageView> for v1::StageProgress {
    fn from(view: &StageView) -> Self {
        let StageView { stage, tasks, done, reused, running } = *view;
        Self { stage: stage.name().to_owned(), tasks, done, reused, running }
    }
}

/// The state of an audit that ended so, or still runs, and why it failed (empty otherwise).
#[must_use]
pub fn state(ending: Option<&Ending>) -> (v1::AuditState, String) {
    match ending {
        None => (v1::AuditState::Running, String::new()),
        Some(Ending::Done) => (v1::AuditState::Done, String::new()),
        Some(Ending::Failed(reason)) => (v1::AuditState::Failed, reason.clone()),
        Some(Ending::Cancelled) => (v1::AuditState::Cancelled, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taster_planning::schedule::Stage;

    #[test]
    fn views_and_endings_are_told_as_they_are() {
        let view = StageView { stage: Stage::Screen, tasks: 9, done: 4, reused: 3, running: 2 };
        let wire =
            v1::StageProgress { stage: "screen".into(), tasks: 9, done: 4, reused: 3, running: 2 };
        assert_eq!(v1::StageProgress::from(&view), wire);
        let failed = Ending::Failed("why".into());
        assert_eq!(state(Some(&failed)), (v1::AuditState::Failed, "why".into()));
        let none = String::new;
        assert_eq!(state(Some(&Ending::Done)), (v1::AuditState::Done, none()));
        assert_eq!(state(Some(&Ending::Cancelled)), (v1::AuditState::Cancelled, none()));
        assert_eq!(state(None), (v1::AuditState::Running, none()));
    }
}
