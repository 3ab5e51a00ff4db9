//! What a worker and a coordinator say to each other.

use std::time::Duration;

use taster_planning::schedule::{Outcome, TaskKey, WorkerId};

use crate::task::{present, worker_id};
use crate::v1::converse_request::Message as Request;
use crate::v1::converse_response::Message as Response;
use crate::{WireError, v1};

/// More slots than any machine has cores.
const MAX_SLOTS: u32 = 4096;
/// Longest version of a program, in bytes.
const VERSION_BYTES: usize = 64;

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromWorker {
    /// First, and only once.
    Hello(Hello),
    /// It lives.
    Beat,
    /// A task ended.
    Finished {
        /// Which.
        task: TaskKey,
        /// The number that came with the assignment.
        attempt: u32,
        /// How: a claim.
        outcome: Outcome,
    },
    /// It wants no more tasks.
    Draining,
}

/// Who a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Fresh for every process.
    pub worker: WorkerId,
    /// Its version of the conversation, see [`PROTOCOL`](crate::PROTOCOL).
    pub protocol: u32,
    /// Its version of the stored formats, see [`FORMATS`](crate::FORMATS).
    pub formats: u32,
    /// Version of the program, for people: printable ASCII.
    pub version: String,
    /// Tasks at the same time, 1 to 4096.
    pub slots: u32,
    /// The highest epoch of a coordinator that it has heard, 0 for none.
    pub epoch: u64,
}

/// What a coordinator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToWorker {
    /// Answers the hello.
    Welcome {
        /// Rises with every coordinator process on one work prefix.
        epoch: u64,
        /// Silence after which the worker's tasks are given to others; 1 ms to 49 days.
        lease: Duration,
        /// Folder or URL of the work store.
        work: String,
    },
    /// A task to run.
    Assign {
        /// Which.
        task: TaskKey,
        /// Fences earlier attempts.
        attempt: u32,
    },
    /// A task to drop.
    Revoke {
        /// Which.
        task: TaskKey,
        /// Which attempt of it.
        attempt: u32,
    },
    /// The conversation will not go on, and why; the worker must not come back unchanged.
    Refused(String),
}

impl From<Hello> for v1::Hello {
    fn from(hello: Hello) -> Self {
        let Hello { worker, protocol, formats, version, slots, epoch } = hello;
        Self { worker_id: worker.0, protocol, formats, version, slots, epoch }
    }
}

impl TryFrom<v1::Hello> for Hello {
    type Error = WireError;

    fn try_from(wire: v1::Hello) -> Result<Self, WireError> {
        let v1::Hello { worker_id: id, protocol, formats, version, slots, epoch } = wire;
        let worker = worker_id(id)?;
        if slots == 0 || slots > MAX_SLOTS {
            return Err(WireError::number("hello.slots", "1 to 4096", slots.into()));
        }
        let printable = |byte: u8| (b' '..=b'~').contains(&byte);
        if version.len() > VERSION_BYTES || !version.bytes().all(printable) {
            let expected = "at most 64 printable ASCII characters";
            return Err(WireError::text("hello.version", expected, &version));
        }
        Ok(Self { worker, protocol, formats, version, slots, epoch })
    }
}

impl From<FromWorker> for v1::ConverseRequest {
    fn from(message: FromWorker) -> Self {
        let message = match message {
            FromWorker::Hello(hello) => Request::Hello(hello.into()),
            FromWorker::Beat => Request::Beat(v1::Beat {}),
            FromWorker::Draining => Request::Draining(v1::Draining {}),
            FromWorker::Finished { task, attempt, outcome } => Request::Finished(v1::Finished {
                task: Some((&task).into()),
                attempt,
                outcome: Some(outcome.into()),
            }),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<v1::ConverseRequest> for FromWorker {
    type Error = WireError;

    fn try_from(request: v1::ConverseRequest) -> Result<Self, WireError> {
        let expected = "hello, beat, finished or draining";
        match request.message.ok_or_else(|| WireError::nothing("message", expected))? {
            Request::Hello(hello) => Ok(Self::Hello(hello.try_into()?)),
            Request::Beat(v1::Beat {}) => Ok(Self::Beat),
            Request::Draining(v1::Draining {}) => Ok(Self::Draining),
            Request::Finished(v1::Finished { task, attempt, outcome }) => {
                let missing = || WireError::nothing("finished.outcome", "how the task ended");
                let outcome = outcome.ok_or_else(missing)?.try_into()?;
                Ok(Self::Finished { task: present(task)?, attempt, outcome })
            }
        }
    }
}

impl From<ToWorker> for v1::ConverseResponse {
    fn from(message: ToWorker) -> Self {
        let message = match message {
            ToWorker::Welcome { epoch, lease, work } => {
                let lease_millis = u32::try_from(lease.as_millis()).unwrap_or(u32::MAX);
                Response::Welcome(v1::Welcome { epoch, lease_millis, work })
            }
            ToWorker::Assign { task, attempt } => {
                Response::Assign(v1::Assign { task: Some((&task).into()), attempt })
            }
            ToWorker::Revoke { task, attempt } => {
                Response::Revoke(v1::Revoke { task: Some((&task).into()), attempt })
            }
            ToWorker::Refused(reason) => Response::Refused(v1::Refused { reason }),
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<v1::ConverseResponse> for ToWorker {
    type Error = WireError;

    fn try_from(response: v1::ConverseResponse) -> Result<Self, WireError> {
        let expected = "welcome, assign, revoke or refused";
        match response.message.ok_or_else(|| WireError::nothing("message", expected))? {
            Response::Welcome(v1::Welcome { lease_millis: 0, .. }) => {
                Err(WireError::number("welcome.lease_millis", "at least 1", 0))
            }
            Response::Welcome(v1::Welcome { epoch, lease_millis, work }) => {
                let lease = Duration::from_millis(lease_millis.into());
                Ok(Self::Welcome { epoch, lease, work })
            }
            Response::Assign(v1::Assign { task, attempt }) => {
                Ok(Self::Assign { task: present(task)?, attempt })
            }
            Response::Revoke(v1::Revoke { task, attempt }) => {
                Ok(Self::Revoke { task: present(task)?, attempt })
            }
            Response::Refused(v1::Refused { reason }) => Ok(Self::Refused(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use taster_planning::schedule::{AuditId, Facts, Stage};

    fn task() -> TaskKey {
        let audit = AuditId("a".into());
        TaskKey { audit, generation: 1, stage: Stage::Score, index: 2 }
    }

    fn hello() -> Hello {
        Hello {
            worker: WorkerId("w-1".into()),
            protocol: 1,
            formats: 2,
            version: "0.1.0".into(),
            slots: 8,
            epoch: 3,
        }
    }

    #[test]
    fn what_a_worker_says_comes_back_as_it_went() {
        let outcome = Outcome::Done(Facts { bytes: 1, tasks: 2, reused: 3 });
        for message in [
            FromWorker::Hello(hello()),
            FromWorker::Beat,
            FromWorker::Draining,
            FromWorker::Finished { task: task(), attempt: 4, outcome },
        ] {
            let wire = v1::ConverseRequest::from(message.clone());
            assert_eq!(FromWorker::try_from(wire), Ok(message));
        }
    }

    #[test]
    fn what_a_coordinator_says_comes_back_as_it_went() {
        for message in [
            ToWorker::Welcome { epoch: 7, lease: Duration::from_secs(30), work: "s3://b/w".into() },
            ToWorker::Assign { task: task(), attempt: 1 },
            ToWorker::Revoke { task: task(), attempt: u32::MAX },
            ToWorker::Refused("why".into()),
        ] {
            let wire = v1::ConverseResponse::from(message.clone());
            assert_eq!(ToWorker::try_from(wire), Ok(message));
        }
    }

    #[test]
    fn row_44_hostile_hellos_are_refused() {
        let base = v1::Hello::from(hello());
        let refused = |hello: v1::Hello| Hello::try_from(hello).unwrap_err().field;
        for slots in [0, 4097, u32::MAX] {
            assert_eq!(refused(v1::Hello { slots, ..base.clone() }), "hello.slots");
        }
        for version in ["\u{1b}[2J".to_owned(), "é".into(), "1".repeat(65)] {
            assert_eq!(refused(v1::Hello { version, ..base.clone() }), "hello.version");
        }
        let worker_id = "../x".into();
        assert_eq!(refused(v1::Hello { worker_id, ..base }), "hello.worker_id");
    }

    #[test]
    fn row_44_messages_without_their_parts_are_refused() {
        let nothing = v1::ConverseRequest { message: None };
        assert_eq!(FromWorker::try_from(nothing).unwrap_err().field, "message");
        let request = |task, outcome| v1::ConverseRequest {
            message: Some(Request::Finished(v1::Finished { task, attempt: 1, outcome })),
        };
        let released = v1::finished::Outcome::Released(v1::Released {});
        let no_task = FromWorker::try_from(request(None, Some(released))).unwrap_err();
        let no_outcome = FromWorker::try_from(request(Some((&task()).into()), None)).unwrap_err();
        assert_eq!((no_task.field, no_outcome.field), ("task", "finished.outcome"));
        let response = |message| ToWorker::try_from(v1::ConverseResponse { message });
        assert_eq!(response(None).unwrap_err().field, "message");
        let assign = Response::Assign(v1::Assign { task: None, attempt: 1 });
        assert_eq!(response(Some(assign)).unwrap_err().field, "task");
        let welcome = Response::Welcome(v1::Welcome::default());
        assert_eq!(response(Some(welcome)).unwrap_err().field, "welcome.lease_millis");
    }
}
