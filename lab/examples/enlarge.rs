//! Writes a larger corpus for benchmarks:
//! `cargo run --release -p taster-lab --example enlarge -- INPUT OUT TEXT_BYTES [SEED]`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "a command's result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (input, out, bytes, seed) = match arguments.as_slice() {
        [input, out, bytes] => (input, out, bytes.parse()?, 1),
        [input, out, bytes, seed] => (input, out, bytes.parse()?, seed.parse()?),
        _ => return Err("usage: enlarge INPUT OUT TEXT_BYTES [SEED]".into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let start = Instant::now();
    let written = taster_lab::enlarge(input, Path::new(out), bytes, seed, runtime.handle())?;
    let speed = written.text_bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
    println!(
        "{} documents, {} bytes of text, {speed:.0} MB/s",
        written.documents, written.text_bytes
    );
    Ok(())
}
