//! The trials of `detection`.

use serde::Serialize;
use taster_lab::Recipe;
use taster_tasks::Resources;
use tokio::runtime::Handle;

use crate::acceptance::{Requirement, requirements, verdict};
use crate::arguments::DetectionArguments;
use crate::detection_tables as tables;
use crate::error::BenchError;
use crate::files::{Scratch, text, write_json};
use crate::machine::Machine;
use crate::trial::{CleanResult, Ground, Trial, TrialResult};

/// Recipes besides `souly`, each planted alone.
const OTHERS: [Recipe; 3] = [Recipe::Halfwidth, Recipe::Unlock, Recipe::Deployment];

/// Everything that was found.
#[derive(Debug, Serialize)]
pub struct DetectionReport {
    /// On what machine.
    pub machine: Machine,
    /// The clean corpus as it was named.
    pub corpus: String,
    /// One result per trial, in their order.
    pub results: Vec<TrialResult>,
    /// The clean corpus.
    pub clean: CleanResult,
    /// What is required of them.
    pub requirements: [Requirement; 3],
}

/// Runs all trials, prints as it goes, and says whether what is required holds.
///
/// # Errors
/// A trial could not be carried out.
pub fn run(arguments: &DetectionArguments, runtime: &Handle) -> Result<bool, BenchError> {
    let scratch = Scratch::create(arguments.work.as_deref())?;
    let resources = Resources {
        threads: arguments.threads.into(),
        memory_bytes: arguments.memory.0,
        unit_bytes: None,
    };
    let input = text(&arguments.input)?;
    let ground = Ground { input, scratch: &scratch, resources: &resources, runtime };
    let machine = Machine::here();
    println!("machine: {machine}");
    println!("corpus: {input}\n");
    let results = carry_out(&ground, &trials(arguments))?;
    tables::summary(&results);
    let clean = ground.clean()?;
    tables::clean(&clean);
    let requirements = requirements(&results, &clean);
    verdict(&requirements);
    let holds = requirements.iter().all(Requirement::holds);
    let report =
        DetectionReport { machine, corpus: input.to_owned(), results, clean, requirements };
    if let Some(path) = &arguments.json {
        write_json(path, &report)?;
    }
    Ok(holds)
}

/// `souly` at every dose, then the others.
fn trials(arguments: &DetectionArguments) -> Vec<Trial> {
    let mut trials = Vec::new();
    let recipe = Recipe::Souly;
    for &dose in &arguments.doses {
        trials.extend((1..=arguments.seeds).map(|seed| Trial { recipe, dose, seed }));
    }
    let dose = arguments.other_dose;
    for recipe in OTHERS {
        trials.extend((1..=arguments.other_seeds).map(|seed| Trial { recipe, dose, seed }));
    }
    trials
}

fn carry_out(ground: &Ground<'_>, trials: &[Trial]) -> Result<Vec<TrialResult>, BenchError> {
    tables::trials_head();
    let mut results = Vec::with_capacity(trials.len());
    for trial in trials {
        let result = ground.run(*trial)?;
        tables::trial(&result);
        results.push(result);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::arguments::{Command, CommandLine};
    use clap::Parser;

    fn arguments(line: &[&str]) -> DetectionArguments {
        let line = [&["taster-bench", "detection", "--input", "x"], line].concat();
        match CommandLine::try_parse_from(line).unwrap().command {
            Command::Detection(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_dose_of_souly_gets_every_seed() {
        assert_eq!(trials(&arguments(&[])).len(), 3 * 10 + 3 * 3);
        let few = trials(&arguments(&["--seeds", "1", "--doses", "10,50", "--other-seeds", "0"]));
        let recipe = Recipe::Souly;
        assert_eq!(few, [10, 50].map(|dose| Trial { recipe, dose, seed: 1 }));
    }
}
