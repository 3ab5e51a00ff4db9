//! Thousands of schedules in which nearly everything goes wrong; each has to end, and to end with
//! the report that a world without faults would have written.

use std::ops::Range;
use std::thread;

use crate::world::{Totals, World};

const SCHEDULES: u64 = 10_000;

/// A single schedule to play again, with everything that happens printed.
const SEED: &str = "TASTER_SCHEDULE_SEED";

fn play(seeds: Range<u64>) -> Totals {
    let mut totals = Totals::default();
    for seed in seeds {
        let named = NamesSeed(seed);
        totals.add(&World::new(seed, false).play());
        std::mem::forget(named);
    }
    totals
}

/// Says which schedule it was when a check fails.
struct NamesSeed(u64);

impl Drop for NamesSeed {
    fn drop(&mut self) {
        println!("failed: play it again with {SEED}={}", self.0);
    }
}

#[test]
#[allow(clippy::disallowed_methods)]
fn faulty_schedules_end_with_the_report_of_a_world_without_faults() {
    if let Ok(seed) = std::env::var(SEED) {
        let totals = World::new(seed.parse().unwrap(), true).play();
        println!("{totals:?}");
        return;
    }
    let half = SCHEDULES / 2;
    let totals = thread::scope(|scope| {
        let halves = [0..half, half..SCHEDULES].map(|seeds| scope.spawn(|| play(seeds)));
        let mut totals = Totals::default();
        for half in halves {
            totals.add(&half.join().unwrap());
        }
        totals
    });
    println!("simulation: {totals}");
    assert_eq!(totals.schedules, SCHEDULES);
    // The faults that are promised really happened.
    for (what, often) in totals.faults() {
        assert!(often > SCHEDULES / 100, "{what} happened {often} times only");
    }
}
