//! The command line of `taster lab`.

use std::path::PathBuf;

use clap::Args;
use taster_lab::{Experiment, Part, Recipe, Spread};

use crate::arguments::Inputs;
use crate::settings::ResourceSettings;

/// `taster lab`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  taster lab data/ --out lab/
  taster lab data/ --out lab/ --recipes souly,unlock --doses 10,250 --spreads uniform,one_host --seeds 20
  taster lab data/ --out lab/ --split choose --together 7 --controls --output json > lab.json

Plants attacks while an audit reads the corpus and judges the findings by what was planted. OUT
receives lab.json and lab.svg; with --keep also every planted corpus and its truth.json. What was
counted of documents beside which nothing is planted is used again. The corpus itself is never changed.")]
pub struct LabArguments {
    /// The clean corpus.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Attacks to plant [default: all]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub recipes: Vec<Recipe>,
    /// Documents of each attack, at a time
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [10, 25, 250],
        value_parser = clap::value_parser!(u64).range(1..))]
    pub doses: Vec<u64>,
    /// Where they sit, at a time: uniform, per_host, one_shard, one_host, one_date_window, span,
    /// chat, template
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "uniform")]
    pub spreads: Vec<Spread>,
    /// Corpora per attack, dose and spread, each with another seed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// Attacks planted in one corpus
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub together: usize,
    /// Plant harmless repetition as well, which should not be taken for poison
    #[arg(long)]
    pub controls: bool,
    /// Part of the corpus, cut by host: whole, choose (to choose parameters on) or report
    #[arg(long, value_name = "PART", default_value = "whole", value_parser = part)]
    pub split: Part,
    /// Folder for the report
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Also write every planted corpus to OUT
    #[arg(long)]
    pub keep: bool,
    /// The machine.
    #[command(flatten)]
    pub resources: ResourceSettings,
}

impl LabArguments {
    /// What is to be measured.
    pub fn experiment(&self) -> Experiment {
        let recipes =
            if self.recipes.is_empty() { Recipe::ATTACKS.to_vec() } else { self.recipes.clone() };
        Experiment {
            recipes,
            doses: self.doses.clone(),
            spreads: self.spreads.clone(),
            seeds: self.seeds,
            together: self.together.max(1),
            controls: self.controls,
        }
    }
}

fn part(name: &str) -> Result<Part, String> {
    [Part::Whole, Part::Choose, Part::Report]
        .into_iter()
        .find(|part| part.name() == name)
        .ok_or_else(|| format!("expected whole, choose or report, got {name:?}"))
}
