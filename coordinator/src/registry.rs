//! What the coordinator knows of every audit, for those who ask. A hint: the truth is in the work
//! store.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use taster_planning::schedule::{AuditId, AuditView, Ending, Stage, StageView};
use taster_proto::v1;
use tokio::sync::watch;

/// An audit as clients see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditState {
    /// What never changes.
    pub(crate) origin: Arc<Origin>,
    /// Exclusions so far.
    pub(crate) generation: u32,
    /// Stages that have begun, in order.
    pub(crate) stages: Vec<StageView>,
    /// How it ended; `None` while it runs.
    pub(crate) ending: Option<Ending>,
}

/// What was asked for, and of how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) inputs: Vec<String>,
    pub(crate) out: String,
    pub(crate) submitted_unix_seconds: i64,
    pub(crate) shards: u64,
    pub(crate) text_bytes: u64,
}

impl AuditState {
    /// As it goes to clients.
    pub(crate) fn message(&self, id: &str) -> v1::Audit {
        let (state, reason) = taster_proto::state(self.ending.as_ref());
        let Origin { inputs, out, submitted_unix_seconds, shards, text_bytes } = &*self.origin;
        v1::Audit {
            audit_id: id.to_owned(),
            state: state.into(),
            reason,
            inputs: inputs.clone(),
            out: out.clone(),
            generation: self.generation,
            stages: self.stages.iter().map(Into::into).collect(),
            shards: *shards,
            text_bytes: *text_bytes,
            submitted_unix_seconds: *submitted_unix_seconds,
        }
    }

    /// The last progress that was told is older than the end.
    fn ended(&mut self, ending: Ending) {
        for stage in &mut self.stages {
            stage.running = 0;
            if ending == Ending::Done {
                stage.done = stage.tasks;
            }
        }
        let reported = self.stages.iter().any(|view| view.stage == Stage::Report);
        if ending == Ending::Done && !reported {
            let stage = Stage::Report;
            self.stages.push(StageView { stage, tasks: 1, done: 1, reused: 0, running: 0 });
        }
        self.ending = Some(ending);
    }
}

/// Where a page of a listing begins: after this audit, newest first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    submitted_unix_seconds: i64,
    id: String,
}

impl Place {
    /// Reads what [`Place::token`] wrote.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let (seconds, id) = token.split_once(':')?;
        let submitted_unix_seconds = seconds.parse().ok()?;
        Some(Self { submitted_unix_seconds, id: taster_proto::audit_id(id).ok()?.0 })
    }

    /// The place as a text for clients.
    pub(crate) fn token(&self) -> String {
        format!("{}:{}", self.submitted_unix_seconds, self.id)
    }
}

/// All audits.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    audits: DashMap<String, watch::Sender<AuditState>>,
}

impl Registry {
    /// Adds an audit; false if it is there, which then stays as it is.
    pub(crate) fn insert(&self, id: &AuditId, state: AuditState) -> bool {
        match self.audits.entry(id.0.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(watch::Sender::new(state));
                true
            }
        }
    }

    /// Follows an audit.
    pub(crate) fn watch(&self, id: &AuditId) -> Option<watch::Receiver<AuditState>> {
        self.audits.get(&id.0).map(|sender| sender.subscribe())
    }

    /// The audit now.
    pub(crate) fn get(&self, id: &AuditId) -> Option<AuditState> {
        self.audits.get(&id.0).map(|sender| sender.borrow().clone())
    }

    /// Tells how far an audit is.
    pub(crate) fn advance(&self, id: &AuditId, view: &AuditView) {
        self.change(id, |state| {
            state.generation = view.generation;
            state.stages.clone_from(&view.stages);
        });
    }

    /// Tells how an audit ended.
    pub(crate) fn end(&self, id: &AuditId, ending: Ending) {
        self.change(id, |state| state.ended(ending));
    }

    fn change(&self, id: &AuditId, change: impl FnOnce(&mut AuditState)) {
        let Some(sender) = self.audits.get(&id.0) else { return };
        sender.send_if_modified(|state| {
            let before = state.clone();
            // The end is the end.
            if state.ending.is_none() {
                change(state);
            }
            *state != before
        });
    }

    /// Ids of the audits that run, ascending.
    pub(crate) fn running(&self) -> Vec<AuditId> {
        let runs = self.audits.iter().filter(|entry| entry.borrow().ending.is_none());
        let mut ids: Vec<_> = runs.map(|entry| AuditId(entry.key().clone())).collect();
        ids.sort();
        ids
    }

    /// Calls `each` with every audit, in no order.
    pub(crate) fn each(&self, mut each: impl FnMut(&AuditState)) {
        self.audits.iter().for_each(|entry| each(&entry.borrow()));
    }

    /// At most `size` audits after a place, newest first, and the place of the last of them if
    /// there are more.
    pub(crate) fn page(
        &self,
        size: usize,
        after: Option<&Place>,
    ) -> (Vec<v1::Audit>, Option<Place>) {
        let place = |id: &str, state: &AuditState| Place {
            submitted_unix_seconds: state.origin.submitted_unix_seconds,
            id: id.to_owned(),
        };
        let all = self.audits.iter().map(|entry| place(entry.key(), &entry.borrow()));
        let mut places: Vec<_> = all.filter(|p| after.is_none_or(|after| p < after)).collect();
        places.sort_by(|a, b| b.cmp(a));
        let more = places.len() > size;
        places.truncate(size);
        let audit = |place: &Place| Some(self.get(&AuditId(place.id.clone()))?.message(&place.id));
        let audits = places.iter().filter_map(audit).collect();
        (audits, places.pop().filter(|_| more))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn state(submitted_unix_seconds: i64) -> AuditState {
        let origin = Origin {
            inputs: vec!["s3://b/i".into()],
            out: "s3://b/o".into(),
            submitted_unix_seconds,
            shards: 3,
            text_bytes: 4,
        };
        AuditState { origin: origin.into(), generation: 0, stages: Vec::new(), ending: None }
    }

    fn id(text: &str) -> AuditId {
        AuditId(text.to_owned())
    }

    fn stage(stage: Stage, done: u32) -> StageView {
        StageView { stage, tasks: 4, done, reused: 1, running: 2 }
    }

    #[test]
    fn followers_hear_of_every_change_and_of_the_end() {
        let registry = Registry::default();
        assert!(registry.insert(&id("a"), state(1)));
        assert!(!registry.insert(&id("a"), state(2)));
        let mut follower = registry.watch(&id("a")).unwrap();
        let view = AuditView { generation: 1, stages: vec![stage(Stage::Count, 3)] };
        registry.advance(&id("a"), &view);
        assert!(follower.has_changed().unwrap());
        assert_eq!(follower.borrow_and_update().stages, view.stages);
        registry.advance(&id("a"), &view);
        assert!(!follower.has_changed().unwrap(), "nothing is new");
        registry.end(&id("a"), Ending::Done);
        registry.end(&id("a"), Ending::Cancelled);
        let ended = follower.borrow_and_update().message("a");
        assert_eq!(ended.state(), v1::AuditState::Done);
        let last = ended.stages.last().unwrap();
        assert_eq!((last.stage.as_str(), last.done), ("report", 1));
        assert_eq!((ended.stages[0].done, ended.stages[0].running), (4, 0));
        assert_eq!((ended.shards, ended.text_bytes, ended.generation), (3, 4, 1));
        assert!(registry.running().is_empty());
        assert!(registry.watch(&id("b")).is_none());
    }

    #[test]
    fn row_45_listings_come_in_pages_newest_first() {
        let registry = Registry::default();
        for (name, submitted) in [("b", 5), ("c", 5), ("a", 9), ("d", -1), ("e", 0)] {
            registry.insert(&id(name), state(submitted));
        }
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let (audits, next) = registry.page(2, after.as_ref());
            assert!(audits.len() <= 2);
            seen.extend(audits.into_iter().map(|audit| audit.audit_id));
            match next {
                None => break,
                Some(place) => after = Some(Place::parse(&place.token()).unwrap()),
            }
        }
        assert_eq!(seen, ["a", "c", "b", "e", "d"]);
        for token in ["", "x", "1", "1:", "1:../a", "99999999999999999999:a"] {
            assert_eq!(Place::parse(token), None, "{token}");
        }
    }
}
