//! Time: the scheduler's, which passes only while somebody listens, and the calendar's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest step of the scheduler's time. A coordinator that was frozen, or busy for longer, heard
/// nobody; that must not pass for the workers' silence.
const LONGEST_STEP: Duration = Duration::from_secs(1);

/// The scheduler's time.
#[derive(Debug)]
pub(crate) struct Clock {
    now: Duration,
    read: Instant,
}

impl Clock {
    /// A clock at zero.
    pub(crate) fn new() -> Self {
        Self { now: Duration::ZERO, read: Instant::now() }
    }

    /// The time, never earlier than before.
    pub(crate) fn now(&mut self) -> Duration {
        let read = Instant::now();
        self.step(read.saturating_duration_since(self.read));
        self.read = read;
        self.now
    }

    fn step(&mut self, elapsed: Duration) {
        self.now += elapsed.min(LONGEST_STEP);
    }
}

/// Seconds since the Unix epoch, for people; nothing is decided by it.
pub(crate) fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_02_time_in_which_nobody_listened_does_not_count() {
        let mut clock = Clock::new();
        clock.step(Duration::from_millis(250));
        clock.step(Duration::from_secs(3600));
        assert_eq!(clock.now, Duration::from_millis(1250));
        let before = clock.now();
        assert!(clock.now() >= before);
    }
}
