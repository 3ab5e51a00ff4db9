//! An audit by the library in the test's own process, which takes settings that the command has no option for.

use std::path::Path;

use taster_planning::Parameters;
use taster_tasks::{Audit, AuditRequest, Resources, Silent};

/// Audits `folder` with 256 MiB of memory and a work folder that is gone afterwards.
///
/// # Panics
/// If the audit fails.
pub fn audit(
    folder: &Path,
    parameters: Parameters,
    threads: usize,
    unit_bytes: Option<u64>,
) -> Audit {
    let work = tempfile::tempdir().expect("a folder can be made");
    let request = AuditRequest {
        inputs: vec![folder.display().to_string()],
        work: work.path().display().to_string(),
        parameters,
        resources: Resources { threads, memory_bytes: 256 << 20, unit_bytes },
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    taster_tasks::audit(&request, runtime.handle(), &Silent).expect("the audit ends")
}
