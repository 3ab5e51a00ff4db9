//! `taster task`: one task of a planned audit, for the engine of a cluster.

use taster_tasks::TaskSpec;

use crate::arguments::TaskArguments;
use crate::configuration::resources;
use crate::error::CliError;
use crate::exit::Ending;
use crate::quantities::of;
use crate::session::Session;

/// Runs the command.
pub fn run(session: &Session<'_>, arguments: TaskArguments) -> Result<Ending, CliError> {
    let machine = session.file.below(arguments.resources)?;
    let spec = TaskSpec::read(&arguments.spec, arguments.index, session.runtime)?;
    let tasks = spec.run(&resources(&machine)?, session.runtime)?;
    let TaskSpec { audit, stage, part, parts, .. } = spec;
    let tasks = of(tasks as u64, "task");
    let stage = stage.name();
    session.log.note(&format!("{tasks} of {stage} done, part {part} of {parts} of audit {audit}"));
    Ok(Ending::Clean)
}
