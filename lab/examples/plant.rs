//! Plants every recipe at one dose, for a look at the result:
//! `cargo run --release -p taster-lab --example plant -- INPUT OUT [DOCUMENTS] [SEED]`.

use std::error::Error;
use std::path::Path;

use taster_lab::{PlantPlan, Recipe, plant};

#[expect(clippy::print_stdout, reason = "a command's result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (input, out, documents, seed) = match arguments.as_slice() {
        [input, out] => (input, out, 25, 1),
        [input, out, documents] => (input, out, documents.parse()?, 1),
        [input, out, documents, seed] => (input, out, documents.parse()?, seed.parse()?),
        _ => return Err("usage: plant INPUT OUT [DOCUMENTS] [SEED]".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let plan = PlantPlan::uniform(seed, &Recipe::ATTACKS, documents);
    let truth = plant(input, Path::new(out), &plan, runtime.handle())?;
    for planted in &truth.planted {
        println!("{}: {:?}", planted.recipe, planted.expected_text());
    }
    Ok(())
}
