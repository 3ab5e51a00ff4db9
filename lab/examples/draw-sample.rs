//! Draws the sample under `demo/sample` from a larger corpus:
//! `cargo run --release -p taster-lab --example draw-sample -- INPUT OUT`.

use std::error::Error;
use std::path::Path;

use taster_lab::{Draw, draw_sample};

/// What the shipped sample was drawn with.
const DRAW: Draw = Draw { seed: 20_260_101, documents: 6500, text_bytes_max: 5000, shards: 4 };

#[expect(clippy::print_stdout, reason = "a command's result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, out] = arguments.as_slice() else {
        return Err("usage: draw-sample INPUT OUT".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let documents = draw_sample(input, Path::new(out), &DRAW, runtime.handle())?;
    println!("{documents} documents");
    Ok(())
}
