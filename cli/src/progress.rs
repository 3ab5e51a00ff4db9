//! What a person sees while an audit runs, and how long its waves took.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use taster_tasks::{Progress, Wave};

use crate::log::Log;
use crate::quantities::{bytes, megabytes_per_second, of, seconds};

/// Where no bar can be drawn, a wave says how it stands this often.
const INTERVAL: Duration = Duration::from_secs(10);

const BAR: &str = "{prefix:>9} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {msg}";

/// Waves without known bytes count tasks.
const TASK_BAR: &str = "{prefix:>9} {wide_bar} {msg}";

/// Watches the waves: a bar for each on a terminal, else lines in the log.
pub struct Watch {
    log: Log,
    stages: Mutex<Vec<Stage>>,
}

/// A wave as it runs.
struct Stage {
    wave: Wave,
    tasks: u64,
    done: u64,
    reused: u64,
    bytes: u64,
    bytes_done: u64,
    bytes_reused: u64,
    started: Instant,
    ended: Option<Instant>,
    told: Instant,
    bar: ProgressBar,
}

/// A wave as `run.json` tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaveTimes {
    /// Its name.
    pub wave: &'static str,
    /// Tasks done.
    pub tasks: u64,
    /// Those whose output was there before.
    pub reused: u64,
    /// Bytes of text or runs that the tasks worked on, reused ones left out.
    pub bytes: u64,
    /// From its start to the next wave's.
    pub seconds: f64,
    /// Megabytes (10^6) of them per second.
    pub mb_per_second: f64,
}

impl Watch {
    /// Tells everything to `log`.
    pub fn new(log: Log) -> Self {
        Self { log, stages: Mutex::new(Vec::new()) }
    }

    /// Ends the last wave, takes the bars away, and returns the times of all waves.
    pub fn finish(&self) -> Vec<WaveTimes> {
        let mut stages = self.stages();
        let now = Instant::now();
        stages.iter_mut().for_each(|stage| stage.end(now));
        stages.iter().for_each(|stage| stage.bar.finish_and_clear());
        stages.iter().map(Stage::times).collect()
    }

    fn stages(&self) -> MutexGuard<'_, Vec<Stage>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, wave: Wave, bytes: u64) -> ProgressBar {
        if !self.log.live() {
            return ProgressBar::hidden();
        }
        let template = if bytes > 0 { BAR } else { TASK_BAR };
        // The templates are constants that a test reads; a plain bar would do as well.
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.log.bars().add(ProgressBar::new(0));
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(wave.name());
        bar
    }
}

impl Progress for Watch {
    fn wave_started(&self, wave: Wave, tasks: u64, bytes: u64) {
        let now = Instant::now();
        let mut stages = self.stages();
        if let Some(stage) =
            stages.iter_mut().find(|stage| stage.wave == wave && stage.ended.is_none())
        {
            stage.grow(tasks, bytes);
            return;
        }
        stages.iter_mut().for_each(|stage| stage.end(now));
        let mut stage = Stage::new(wave, self.bar(wave, bytes), now);
        stage.grow(tasks, bytes);
        stages.push(stage);
    }

    fn task_done(&self, wave: Wave, bytes: u64, reused: bool) {
        let now = Instant::now();
        let mut stages = self.stages();
        let Some(stage) = stages.iter_mut().rev().find(|stage| stage.wave == wave) else {
            return;
        };
        stage.add(bytes, reused, now);
        let due = stage.done == stage.tasks || now - stage.told >= INTERVAL;
        if !self.log.live() && due {
            stage.told = now;
            self.log.note(&stage.line(now));
        }
    }

    fn quarantined(&self, shard: &str, detail: &str) {
        self.log.note(&format!("quarantined {shard}: {detail}"));
    }
}

impl Stage {
    fn new(wave: Wave, bar: ProgressBar, now: Instant) -> Self {
        Self {
            wave,
            tasks: 0,
            done: 0,
            reused: 0,
            bytes: 0,
            bytes_done: 0,
            bytes_reused: 0,
            started: now,
            ended: None,
            told: now,
            bar,
        }
    }

    fn grow(&mut self, tasks: u64, bytes: u64) {
        self.tasks += tasks;
        self.bytes += bytes;
        self.bar.set_length(if self.bytes > 0 { self.bytes } else { self.tasks });
        self.bar.set_message(of(self.tasks, "task"));
    }

    fn add(&mut self, bytes: u64, reused: bool, now: Instant) {
        self.done += 1;
        self.bytes_done += bytes;
        if reused {
            self.reused += 1;
            self.bytes_reused += bytes;
        }
        self.bar.set_position(if self.bytes > 0 { self.bytes_done } else { self.done });
        self.bar.set_message(self.state(now));
    }

    fn end(&mut self, now: Instant) {
        if self.ended.is_none() {
            self.ended = Some(now);
            self.bar.finish();
        }
    }

    fn worked(&self) -> u64 {
        self.bytes_done - self.bytes_reused
    }

    fn elapsed(&self, now: Instant) -> f64 {
        (self.ended.unwrap_or(now) - self.started).as_secs_f64()
    }

    /// Seconds until the wave is done, at the rate of what was really worked on so far.
    fn left(&self, now: Instant) -> Option<f64> {
        let (worked, rest) = match self.bytes {
            0 => (self.done - self.reused, self.tasks.saturating_sub(self.done)),
            _ => (self.worked(), self.bytes.saturating_sub(self.bytes_done)),
        };
        (worked > 0 && self.done < self.tasks)
            .then(|| self.elapsed(now) * rest as f64 / worked as f64)
    }

    /// Tasks, rate, and time left or taken.
    fn state(&self, now: Instant) -> String {
        let mut state = format!("{}/{}", self.done, of(self.tasks, "task"));
        if self.reused > 0 {
            state.push_str(&format!(" ({} reused)", self.reused));
        }
        if self.worked() > 0 {
            let rate = megabytes_per_second(self.worked(), self.elapsed(now));
            state.push_str(&format!(", {rate:.1} MB/s"));
        }
        match self.left(now) {
            Some(left) => state.push_str(&format!(", {} left", seconds(left))),
            None if self.done == self.tasks => {
                state.push_str(&format!(", {}", seconds(self.elapsed(now))))
            }
            None => {}
        }
        state
    }

    fn line(&self, now: Instant) -> String {
        let name = self.wave.name();
        match self.bytes {
            0 => format!("{name}: {}", self.state(now)),
            total => format!(
                "{name}: {} of {}, {}",
                bytes(self.bytes_done),
                bytes(total),
                self.state(now)
            ),
        }
    }

    fn times(&self) -> WaveTimes {
        let seconds = self.elapsed(self.started);
        WaveTimes {
            wave: self.wave.name(),
            tasks: self.done,
            reused: self.reused,
            bytes: self.worked(),
            seconds,
            mb_per_second: megabytes_per_second(self.worked(), seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stage(tasks: u64, bytes: u64, now: Instant) -> Stage {
        let mut stage = Stage::new(Wave::Count, ProgressBar::hidden(), now);
        stage.grow(tasks, bytes);
        stage
    }

    #[test]
    fn templates_can_be_read() {
        for template in [BAR, TASK_BAR] {
            ProgressStyle::with_template(template).unwrap();
        }
    }

    #[test]
    fn lines_tell_rate_and_time_left_without_reused_work() {
        let start = Instant::now();
        let later = start + Duration::from_secs(2);
        let mut stage = stage(4, 80_000_000, start);
        stage.add(20_000_000, true, start);
        assert_eq!(stage.line(start), "count: 20.0 MB of 80.0 MB, 1/4 tasks (1 reused)");
        stage.add(20_000_000, false, later);
        let line = "count: 40.0 MB of 80.0 MB, 2/4 tasks (1 reused), 10.0 MB/s, 4.0 s left";
        assert_eq!(stage.line(later), line);
        stage.add(20_000_000, false, later);
        stage.add(20_000_000, false, later);
        let line = "count: 80.0 MB of 80.0 MB, 4/4 tasks (1 reused), 30.0 MB/s, 2.0 s";
        assert_eq!(stage.line(later), line);
    }

    #[test]
    fn waves_without_bytes_count_tasks() {
        let start = Instant::now();
        let mut stage = stage(2, 0, start);
        stage.add(0, false, start + Duration::from_secs(3));
        assert_eq!(stage.line(start + Duration::from_secs(3)), "count: 1/2 tasks, 3.0 s left");
    }

    #[test]
    fn a_wave_lasts_until_the_next_begins() {
        let watch = Watch::new(Log::standard(true));
        watch.wave_started(Wave::Count, 2, 10);
        watch.task_done(Wave::Count, 4, false);
        watch.task_done(Wave::Count, 6, true);
        watch.wave_started(Wave::Screen, 1, 0);
        watch.wave_started(Wave::Screen, 2, 0);
        for _ in 0..3 {
            watch.task_done(Wave::Screen, 0, false);
        }
        let times = watch.finish();
        let told: Vec<_> = times.iter().map(|t| (t.wave, t.tasks, t.reused, t.bytes)).collect();
        assert_eq!(told, [("count", 2, 1, 4), ("screen", 3, 0, 0)]);
    }
}
