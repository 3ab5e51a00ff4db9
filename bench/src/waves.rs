//! When the waves of an audit began and ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use taster_tasks::{Progress, Wave};

use crate::machine::peak_bytes;

/// One wave of an audit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WaveTime {
    /// Its name.
    pub wave: String,
    /// Its tasks.
    pub tasks: u64,
    /// From its start until its last task was done.
    pub seconds: f64,
    /// Largest resident set of the process so far when its last task was done.
    pub peak_bytes: u64,
}

/// Takes the time of every wave.
#[derive(Debug, Default)]
pub struct Stopwatch {
    waves: Mutex<Vec<(Instant, WaveTime)>>,
}

impl Stopwatch {
    /// The waves in the order in which they ran.
    pub fn waves(&self) -> Vec<WaveTime> {
        self.lock().iter().map(|(_, time)| time.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Instant, WaveTime)>> {
        self.waves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress for Stopwatch {
    fn wave_started(&self, wave: Wave, tasks: u64, _: u64) {
        let wave = wave.name().to_owned();
        let time = WaveTime { wave, tasks, seconds: 0.0, peak_bytes: 0 };
        self.lock().push((Instant::now(), time));
    }

    fn task_done(&self, wave: Wave, _: u64, _: bool) {
        if let Some((start, time)) = self.lock().last_mut()
            && time.wave == wave.name()
        {
            time.seconds = start.elapsed().as_secs_f64();
            time.peak_bytes = peak_bytes();
        }
    }

    fn quarantined(&self, shard: &str, detail: &str) {
        eprintln!("quarantined: {shard}: {detail}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_timed_in_their_order() {
        let watch = Stopwatch::default();
        watch.wave_started(Wave::Manifest, 1, 0);
        watch.wave_started(Wave::Count, 2, 0);
        watch.task_done(Wave::Count, 0, false);
        let waves = watch.waves();
        let names: Vec<_> = waves.iter().map(|time| (time.wave.as_str(), time.tasks)).collect();
        assert_eq!(names, [("manifest", 1), ("count", 2)]);
        assert!(waves[0].seconds == 0.0 && waves[1].seconds > 0.0);
    }
}
