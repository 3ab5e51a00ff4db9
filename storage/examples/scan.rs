//! Reads every document of the inputs on one thread and prints the speed:
//! `cargo run --release -p taster-storage --example scan -- INPUT…`

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use taster_planning::Parameters;
use taster_storage::{Want, freeze};

fn main() -> Result<(), Box<dyn Error>> {
    let inputs: Vec<String> = std::env::args().skip(1).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let parameters = Parameters::default();
    let start = Instant::now();
    let frozen = freeze(&inputs, &parameters, runtime.handle())?;
    let shards = frozen.manifest.shards.len();
    println!("{shards} shards planned in {:?}", start.elapsed());
    for (name, want) in
        [("text", Want::default()), ("text, axes, ids", Want { axes: true, ids: true })]
    {
        let start = Instant::now();
        let (mut documents, mut bytes) = (0_u64, 0_u64);
        for (ord, shard) in frozen.manifest.shards.iter().enumerate() {
            let groups = 0..shard.row_groups.len() as u32;
            let limits = &parameters.limits;
            let ord = u32::try_from(ord)?;
            let mut stream = frozen.sources.documents(ord, shard, groups, want, limits)?;
            while let Some(batch) = stream.next_batch()? {
                documents += batch.len() as u64;
                let texts = (0..batch.len()).filter_map(|index| batch.text(index));
                bytes += texts.map(|text| text.len() as u64).sum::<u64>();
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let speed = bytes as f64 / 1e6 / seconds;
        println!("{name}: {documents} documents, {bytes} bytes, {speed:.0} MB/s");
    }
    Ok(())
}
