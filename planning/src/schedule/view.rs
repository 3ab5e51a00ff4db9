//! How far audits are, for those who watch.

use super::task::Stage;

/// How far an audit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditView {
    /// Exclusions so far.
    pub generation: u32,
    /// Stages that have begun, in order.
    pub stages: Vec<StageView>,
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageView {
    /// Which.
    pub stage: Stage,
    /// Tasks in all.
    pub tasks: u32,
    /// Tasks done.
    pub done: u32,
    /// Of these, whose output was there before.
    pub reused: u32,
    /// Tasks that run now.
    pub running: u32,
}
