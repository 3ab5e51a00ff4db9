//! How long to wait before the next attempt to reach a coordinator.

use std::time::Duration;

/// First wait at most.
const FIRST: Duration = Duration::from_millis(250);
/// Any wait at most.
const LONGEST: Duration = Duration::from_secs(15);

/// Waits that double, each drawn from the upper half of its range so that the workers of a
/// restarted coordinator do not come all at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    state: u64,
    limit: Duration,
}

impl Backoff {
    /// `seed` should differ between workers.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, limit: FIRST }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let limit = self.limit;
        self.limit = (limit * 2).min(LONGEST);
        limit.mul_f64(0.5 + self.draw() / 2.0)
    }

    /// Things went well: waits are short again.
    pub(crate) fn reset(&mut self) {
        self.limit = FIRST;
    }

    /// SplitMix64, as a number from 0 to below 1.
    fn draw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::new(7);
        let mut limit = FIRST;
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait >= limit / 2 && wait <= limit, "{wait:?} of {limit:?}");
            limit = (limit * 2).min(LONGEST);
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }

    #[test]
    fn workers_do_not_wait_in_step() {
        let waits: std::collections::BTreeSet<_> =
            (0..100).map(|seed| Backoff::new(seed).next().as_micros() / 1000).collect();
        assert!(waits.len() > 40, "{} different milliseconds", waits.len());
    }
}
